# Nothing here is made in AWS: texts from values, so that they can be computed and checked without any provider.
terraform {
  required_version = ">= 1.9"
}
