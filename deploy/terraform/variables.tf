variable "deployment" {
  description = "Names this installation for ever: it is bound into every ciphertext and into the table's genesis record."
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
  description = "The regions that get a KMS key, the preferred one first. Whoever may decrypt in one of them can read the data keys."
  type        = list(string)

  validation {
    condition     = length(var.regions) >= 2 && length(var.regions) <= 16 && length(distinct(var.regions)) == length(var.regions)
    error_message = "Name 2 to 16 regions, each once: with one alone, nothing survives its loss."
  }

  validation {
    condition     = alltrue([for region in var.regions : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", region))])
    error_message = "A region is written as us-east-1."
  }
}

variable "store" {
  description = "Where the table is: mode single, strong or home (docs/stores.md), and its regions, the preferred one first. In mode home the first one is written."
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
    error_message = "Mode strong has three regions of one of DynamoDB's sets of regions; this module makes no witness."
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
  description = "ARNs of those who manage the KMS keys, without any right to use them. Default: whomever the account's IAM policies allow."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.administrators : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|user/.+|role/.+)$", arn))])
    error_message = "An administrator is the ARN of a role, a user or an account's root."
  }
}

variable "trust" {
  description = <<-EOT
    Who may take which role. reader: opens keys that exist. creator: makes keys as well. operator: rkms init, verify, repair.
    For each: ec2 = true for instances (makes an instance profile), pod_identity = true for EKS Pod Identity,
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
    error_message = "Say of each role who may take it, or leave the role out."
  }
}

variable "listen" {
  description = "The addresses that the processes serve on."
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
    error_message = "Other machines are served over TLS only: set tls, or keep to 127.0.0.1."
  }
}

variable "tls" {
  description = "Where the certificate and its key will be on the processes' file system; client_ca_file for callers with certificates."
  type = object({
    cert_file      = string
    key_file       = string
    client_ca_file = optional(string)
  })
  default = null
}

variable "data_dir" {
  description = "Folder of the processes for tokens and the audit log."
  type        = string
  default     = "/var/lib/rkms"
}

variable "more_configuration" {
  description = "TOML tables that are appended to rkms_toml as they are, as [[callers]]."
  type        = string
  default     = ""
}

variable "tags" {
  description = "Tags for everything that is made."
  type        = map(string)
  default     = {}
}
