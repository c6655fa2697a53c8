output "key_policy" {
  description = "Policy of the KMS key of every region, JSON."
  value       = jsonencode(local.key_policy)
}

output "table_policies" {
  description = "role -> its policy for the table, JSON"
  value       = { for role, policy in local.table_policies : role => jsonencode(policy) }
}

output "trust_policies" {
  description = "role -> its trust policy, JSON"
  value       = { for role, policy in local.trust_policies : role => jsonencode(policy) }
}

output "rkms_toml" {
  description = "The configuration."
  value       = local.rkms_toml
}
