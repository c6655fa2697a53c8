# AWS owns the key that encrypts the table. With our own KMS key, the store would depend on one region's KMS; and its content
# opens nothing without KMS.

locals {
  first_store_region  = var.store.regions[0]
  other_store_regions = [for region in var.store.regions : region if region != local.first_store_region]
  is_global           = length(local.other_store_regions) > 0
}

resource "aws_dynamodb_table" "this" {
  region = local.first_store_region

  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  range_key                   = "version"
  deletion_protection_enabled = true
  # Mode home replicates through the stream; mode strong needs none.
  stream_enabled   = local.is_global && var.store.mode == "home"
  stream_view_type = local.is_global && var.store.mode == "home" ? "NEW_AND_OLD_IMAGES" : null
  tags             = var.tags

  attribute {
    name = "id"
    type = "S"
  }

  attribute {
    name = "version"
    type = "N"
  }

  point_in_time_recovery {
    enabled = true
  }

  dynamic "replica" {
    for_each = local.other_store_regions
    content {
      region_name                 = replica.value
      consistency_mode            = var.store.mode == "strong" ? "STRONG" : "EVENTUAL"
      deletion_protection_enabled = true
      point_in_time_recovery      = true
      propagate_tags              = true
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}
