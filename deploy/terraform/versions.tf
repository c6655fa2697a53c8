terraform {
  # 1.9: a validation may use other variables.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 6.0: `region` on each resource; 6.3: replicas with strong consistency; 6.9: deletion protection of replicas.
      version = ">= 6.9, < 7.0"
    }
  }
}
