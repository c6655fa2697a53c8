output "rkms_toml" {
  description = "The complete configuration: terraform output -raw rkms_toml > rkms.toml"
  value       = module.documents.rkms_toml
}

output "role_arns" {
  description = "role -> ARN"
  value       = { for role, made in aws_iam_role.this : role => made.arn }
}

output "instance_profiles" {
  description = "role -> name of its instance profile, for roles with ec2 = true"
  value       = { for role, made in aws_iam_instance_profile.this : role => made.name }
}

output "key_arns" {
  description = "region -> ARN of its KMS key"
  value       = { for region, key in aws_kms_key.this : region => key.arn }
}

output "table_arn" {
  description = "ARN of the table in the first region of the store."
  value       = aws_dynamodb_table.this.arn
}
