# Values come from the module around this one, which checks them.

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
  description = "ARNs of those who manage the keys; none: the account decides by IAM."
  type        = list(string)
}

variable "role_arns" {
  description = "role -> ARN, of the roles that there are among reader, creator and operator."
  type        = map(string)
}

variable "trust" {
  description = "role -> who may take it."
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
  description = "Folder for tokens and audit log."
  type        = string
}

variable "more_configuration" {
  description = "TOML that is appended as it is."
  type        = string
}
