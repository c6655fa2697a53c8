locals {
  trust_policies = {
    for role, trust in var.trust : role => {
      Version = "2012-10-17"
      Statement = concat(
        [
          for service in [{ name = "ec2.amazonaws.com", wanted = trust.ec2 }] : {
            Effect    = "Allow"
            Principal = { Service = service.name }
            Action    = ["sts:AssumeRole"]
          } if service.wanted
        ],
        [
          for service in [{ name = "pods.eks.amazonaws.com", wanted = trust.pod_identity }] : {
            Effect    = "Allow"
            Principal = { Service = service.name }
            Action    = ["sts:AssumeRole", "sts:TagSession"]
            Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
          } if service.wanted
        ],
        [
          for arn in trust.principals : {
            Effect    = "Allow"
            Principal = { AWS = arn }
            Action    = ["sts:AssumeRole"]
          }
        ],
        [
          for account in trust.service_accounts : {
            Effect    = "Allow"
            Principal = { Federated = account.oidc_provider_arn }
            Action    = ["sts:AssumeRoleWithWebIdentity"]
            Condition = {
              StringEquals = {
                "${split("oidc-provider/", account.oidc_provider_arn)[1]}:aud" = "sts.amazonaws.com"
                "${split("oidc-provider/", account.oidc_provider_arn)[1]}:sub" = "system:serviceaccount:${account.namespace}:${account.name}"
              }
            }
          }
        ],
      )
    }
  }
}
