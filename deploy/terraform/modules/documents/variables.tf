# The parent module sets and validates these values.

variable "deployment" {
  description = "The deployment that every call to KMS must name."
  type        = string
}

variable "partition" {
  description = "aws, aws-cn or aws-us-gov."
  type        = string
}

variable "account_id" {
  description = "The account that owns keys, table and roles."
  type        = string
}

variable "administrators" {
  description = "ARNs that manage the keys. Empty: the account's IAM policies decide."
  type        = list(string)
}

variable "role_arns" {
  description = "role -> ARN, for those of reader, creator and operator that exist."
  type        = map(string)
}

variable "trust" {
  description = "role -> who may assume it."
  type = map(object({
    ec2          = bool
    pod_identity = bool
    principals   = list(string)
    service_accounts = list(object({
      oidc_provider_arn = string
      namespace         = string
      name              = string
    }))
  }))
}

variable "table" {
  description = "Name of the DynamoDB table."
  type        = string
}

variable "store" {
  description = "Mode and regions of the table."
  type = object({
    mode    = string
    regions = list(string)
  })
}

variable "regions" {
  description = "Regions of KMS in order of preference."
  type        = list(string)
}

variable "key_arns" {
  description = "region -> ARN of its KMS key"
  type        = map(string)
}

variable "listen" {
  description = "Addresses to serve on."
  type = object({
    host            = string
    port            = number
    operations_host = string
    operations_port = number
  })
}

variable "tls" {
  description = "Certificate files, or null."
  type = object({
    cert_file      = string
    key_file       = string
    client_ca_file = optional(string)
  })
}

variable "data_dir" {
  description = "Folder for tokens and the audit log."
  type        = string
}

variable "more_configuration" {
  description = "TOML that is appended unchanged."
  type        = string
}
