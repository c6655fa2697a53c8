# Three regions of KMS, and a table that is strongly consistent in the same three: keys depend on no single region. Copy this
# folder, edit the parts marked CHANGE, and store the state where your team stores it (a backend "s3" block).

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.9, < 7.0"
    }
  }
}

# The provider's region is only used for calls that name no region.
provider "aws" {
  region = "us-east-1"
}

variable "deployment" {
  description = "CHANGE. Name of this installation; it can never change."
  type        = string
  default     = "production"
}

module "rkms" {
  # From elsewhere: "git::https://github.com/YOUR/rkms.git//deploy/terraform?ref=TAG"
  source = "../.."

  deployment = var.deployment
  regions    = ["us-east-1", "us-east-2", "us-west-2"]
  store = {
    mode    = "strong"
    regions = ["us-east-1", "us-east-2", "us-west-2"]
  }

  # CHANGE. Here: instances with the first profile may create and open keys, instances with the second may only open them,
  # and a role of the account may run rkms init, doctor, verify and repair.
  trust = {
    creator  = { ec2 = true }
    reader   = { ec2 = true }
    operator = { principals = ["arn:aws:iam::111122223333:role/on-call"] }
  }

  listen = { host = "0.0.0.0", port = 8443 }
  tls = {
    cert_file = "/etc/rkms/tls/tls.crt"
    key_file  = "/etc/rkms/tls/tls.key"
  }

  tags = { service = "rkms" }
}

output "rkms_toml" {
  description = "terraform output -raw rkms_toml > rkms.toml"
  value       = module.rkms.rkms_toml
}

output "role_arns" {
  description = "role -> ARN"
  value       = module.rkms.role_arns
}

output "instance_profiles" {
  description = "role -> name of its instance profile"
  value       = module.rkms.instance_profiles
}

output "key_arns" {
  description = "region -> ARN of its KMS key"
  value       = module.rkms.key_arns
}

output "table_arn" {
  description = "ARN of the table in us-east-1"
  value       = module.rkms.table_arn
}
