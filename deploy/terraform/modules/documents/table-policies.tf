locals {
  table_arns = [
    for region in var.store.regions : "arn:${var.partition}:dynamodb:${region}:${var.account_id}:table/${var.table}"
  ]

  look_actions = ["dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable"]

  # role -> what it may do with records; nobody may delete one.
  record_actions = {
    reader   = ["dynamodb:GetItem"]
    creator  = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    operator = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan", "dynamodb:UpdateItem"]
  }

  # What says whose table it is and where it is written is for operators alone to write.
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
