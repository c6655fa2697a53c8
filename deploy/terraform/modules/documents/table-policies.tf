locals {
  table_arns = [
    for region in var.store.regions : "arn:${var.partition}:dynamodb:${region}:${var.account_id}:table/${var.table}"
  ]

  look_actions = ["dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable"]

  # role -> its actions on records. No role may delete a record.
  record_actions = {
    reader   = ["dynamodb:GetItem"]
    creator  = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    operator = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan", "dynamodb:UpdateItem"]
  }

  # Only operators may write the genesis record, which names the deployment and the region to write in.
  keep_genesis_statement = {
    Sid      = "KeepGenesis"
    Effect   = "Deny"
    Action   = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
    Resource = local.table_arns
    Condition = {
      "ForAnyValue:StringEquals" = {
        "dynamodb:LeadingKeys" = ["_rkms/genesis"]
      }
    }
  }

  table_policies = {
    for role in keys(var.trust) : role => {
      Version = "2012-10-17"
      Statement = [
        for statement in [
          {
            Sid      = "Table"
            Effect   = "Allow"
            Action   = concat(local.look_actions, local.record_actions[role])
            Resource = local.table_arns
          },
          local.keep_genesis_statement,
        ] : statement if statement.Sid != "KeepGenesis" || role != "operator"
      ]
    }
  }
}
