# Permissions on the KMS keys are only in the keys' policies. Permissions on the table are in the role's own policy.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_iam_role" "this" {
  for_each = var.trust

  name               = "${var.name}-${each.key}"
  description        = "RKMS ${var.deployment}: ${each.key}"
  assume_role_policy = module.documents.trust_policies[each.key]
  tags               = var.tags
}

resource "aws_iam_role_policy" "table" {
  for_each = var.trust

  name   = "table"
  role   = aws_iam_role.this[each.key].name
  policy = module.documents.table_policies[each.key]
}

resource "aws_iam_instance_profile" "this" {
  for_each = { for role, trust in var.trust : role => trust if trust.ec2 }

  name = "${var.name}-${each.key}"
  role = aws_iam_role.this[each.key].name
  tags = var.tags
}

module "documents" {
  source = "./modules/documents"

  deployment         = var.deployment
  partition          = data.aws_partition.current.partition
  account_id         = data.aws_caller_identity.current.account_id
  administrators     = var.administrators
  role_arns          = { for role, made in aws_iam_role.this : role => made.arn }
  trust              = var.trust
  table              = var.name
  store              = var.store
  regions            = var.regions
  key_arns           = { for region, key in aws_kms_key.this : region => key.arn }
  listen             = var.listen
  tls                = var.tls
  data_dir           = var.data_dir
  more_configuration = var.more_configuration
}
