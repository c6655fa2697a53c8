variable "deployment" {
  description = "Name of this installation. It can never change: every ciphertext and the table's genesis record are bound to it."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,64}$", var.deployment))
    error_message = "A deployment has 1 to 64 characters of A-Z a-z 0-9 . _ -"
  }
}

variable "name" {
  description = "Name of the table, of the keys' alias (alias/NAME) and first part of the roles' names."
  type        = string
  default     = "rkms"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{3,40}$", var.name))
    error_message = "A name has 3 to 40 characters of A-Z a-z 0-9 _ -"
  }
}

variable "regions" {
  description = "The regions that get a KMS key, the preferred one first. Anyone who may decrypt in one of them can read the data keys."
  type        = list(string)

  validation {
    condition     = length(var.regions) >= 2 && length(var.regions) <= 16 && length(distinct(var.regions)) == length(var.regions)
    error_message = "Name 2 to 16 regions, each once. With only one, all keys are lost with it."
  }

  validation {
    condition     = alltrue([for region in var.regions : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", region))])
    error_message = "A region is written as us-east-1."
  }
}

variable "store" {
  description = "Where the table is: mode single, strong or home (docs/stores.md), and its regions, the preferred one first. In mode home, the first one is the home region."
  type = object({
    mode    = string
    regions = list(string)
  })

  validation {
    condition     = contains(["single", "strong", "home"], var.store.mode)
    error_message = "The mode is single, strong or home."
  }

  validation {
    condition     = var.store.mode != "single" || length(var.store.regions) == 1
    error_message = "Mode single has one region."
  }

  validation {
    condition     = var.store.mode != "strong" || length(var.store.regions) == 3
    error_message = "Mode strong has three regions of one of DynamoDB's sets of regions; this module does not create a witness."
  }

  validation {
    condition     = var.store.mode != "home" || length(var.store.regions) >= 2
    error_message = "Mode home has two or more regions."
  }

  validation {
    condition     = length(distinct(var.store.regions)) == length(var.store.regions)
    error_message = "Name each region of the table once."
  }

  validation {
    condition     = alltrue([for region in var.store.regions : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", region))])
    error_message = "A region is written as us-east-1."
  }
}

variable "administrators" {
  description = "ARNs that manage the KMS keys, without a right to use them. Default: everyone whom the account's IAM policies allow."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.administrators : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|user/.+|role/.+)$", arn))])
    error_message = "An administrator is the ARN of a role, a user or an account's root."
  }
}

variable "trust" {
  description = <<-EOT
    Who may assume which role. reader: opens existing keys. creator: also creates keys. operator: rkms init, verify, repair.
    For each: ec2 = true for instances (creates an instance profile), pod_identity = true for EKS Pod Identity,
    service_accounts for IAM roles for service accounts (IRSA), principals for ARNs of roles and users.
  EOT
  type = map(object({
    ec2          = optional(bool, false)
    pod_identity = optional(bool, false)
    principals   = optional(list(string), [])
    service_accounts = optional(list(object({
      oidc_provider_arn = string
      namespace         = string
      name              = string
    })), [])
  }))

  validation {
    condition     = alltrue([for role in keys(var.trust) : contains(["reader", "creator", "operator"], role)])
    error_message = "The roles are reader, creator and operator."
  }

  validation {
    condition = alltrue([
      for one in values(var.trust) : one.ec2 || one.pod_identity || length(one.principals) > 0 || length(one.service_accounts) > 0
    ])
    error_message = "For each role, say who may assume it, or leave the role out."
  }
}

variable "listen" {
  description = "The addresses that the processes listen on."
  type = object({
    host            = optional(string, "127.0.0.1")
    port            = optional(number, 8080)
    operations_host = optional(string, "127.0.0.1")
    operations_port = optional(number, 8081)
  })
  default = {}

  validation {
    condition = var.tls != null || alltrue([
      for host in [var.listen.host, var.listen.operations_host] : contains(["127.0.0.1", "::1", "localhost"], host)
    ])
    error_message = "RKMS serves other machines only over TLS: set tls, or use 127.0.0.1."
  }
}

variable "tls" {
  description = "Paths of the certificate and its key on the processes' file system; client_ca_file for callers with certificates."
  type = object({
    cert_file      = string
    key_file       = string
    client_ca_file = optional(string)
  })
  default = null
}

variable "data_dir" {
  description = "The processes' folder for tokens and the audit log."
  type        = string
  default     = "/var/lib/rkms"
}

variable "more_configuration" {
  description = "TOML tables that are appended unchanged to rkms_toml, for example [[callers]]."
  type        = string
  default     = ""
}

variable "tags" {
  description = "Tags for all resources."
  type        = map(string)
  default     = {}
}
