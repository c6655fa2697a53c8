# Creates nothing in AWS: only texts from values, so they can be computed and tested without a provider.
terraform {
  required_version = ">= 1.9"
}
