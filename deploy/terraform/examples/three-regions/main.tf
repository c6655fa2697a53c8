# Three regions of KMS and a table that is strongly consistent in the same three: nothing about keys depends on any one
# region. Copy this folder, change what is marked CHANGE, and keep the state where a team keeps it (a backend "s3" block).

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.9, < 7.0"
    }
  }
}

# The region of the provider is only where calls without a region of their own go.
provider "aws" {
  region = "us-east-1"
}

variable "deployment" {
  description = "CHANGE. Names this installation for ever."
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

  # CHANGE. Here: instances may make and open keys, instances of a second kind may only open them, and a role of the
  # account may run rkms init, doctor, verify and repair.
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
