locals {
  account_root = "arn:${var.partition}:iam::${var.account_id}:root"
  managers     = length(var.administrators) > 0 ? var.administrators : [local.account_root]
  readers      = [for role in ["creator", "operator", "reader"] : var.role_arns[role] if contains(keys(var.role_arns), role)]
  creators     = [for role in ["creator", "operator"] : var.role_arns[role] if contains(keys(var.role_arns), role)]

  # Every call that uses a key must have this deployment in its encryption context, and only pairs that RKMS sets.
  in_our_context = {
    StringEquals = {
      "kms:EncryptionContext:rkms:deployment" = var.deployment
    }
    "ForAllValues:StringEquals" = {
      "kms:EncryptionContextKeys" = ["rkms:deployment", "rkms:id", "rkms:version", "rkms:commitment"]
    }
  }

  manage_statement = {
    Sid       = "Manage"
    Effect    = "Allow"
    Principal = { AWS = local.managers }
    Action = [
      "kms:CancelKeyDeletion",
      "kms:CreateAlias",
      "kms:DeleteAlias",
      "kms:DescribeKey",
      "kms:DisableKey",
      "kms:EnableKey",
      "kms:EnableKeyRotation",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:ListKeyPolicies",
      "kms:ListKeyRotations",
      "kms:ListResourceTags",
      "kms:PutKeyPolicy",
      "kms:RotateKeyOnDemand",
      "kms:ScheduleKeyDeletion",
      "kms:TagResource",
      "kms:UntagResource",
      "kms:UpdateAlias",
      "kms:UpdateKeyDescription",
    ]
    Resource = "*"
  }
  look_statement = {
    Sid       = "Look"
    Effect    = "Allow"
    Principal = { AWS = local.readers }
    Action    = ["kms:DescribeKey", "kms:GetKeyRotationStatus"]
    Resource  = "*"
  }
  open_statement = {
    Sid       = "OpenKeys"
    Effect    = "Allow"
    Principal = { AWS = local.readers }
    Action    = ["kms:Decrypt"]
    Resource  = "*"
    Condition = local.in_our_context
  }
  make_statement = {
    Sid       = "MakeKeys"
    Effect    = "Allow"
    Principal = { AWS = local.creators }
    Action    = ["kms:Encrypt", "kms:GenerateDataKey"]
    Resource  = "*"
    Condition = local.in_our_context
  }

  key_policy = {
    Version = "2012-10-17"
    Statement = [
      for statement in [local.manage_statement, local.look_statement, local.open_statement, local.make_statement] :
      statement if length(statement.Principal.AWS) > 0
    ]
  }
}
