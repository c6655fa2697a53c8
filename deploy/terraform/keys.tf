# One symmetric KMS key per region, each with its own key material. Not a multi-Region key: no region can open what another one
# encrypted.

resource "aws_kms_key" "this" {
  for_each = toset(var.regions)
  region   = each.value

  description              = "RKMS ${var.deployment}: wraps data keys in ${each.value}"
  key_usage                = "ENCRYPT_DECRYPT"
  customer_master_key_spec = "SYMMETRIC_DEFAULT"
  multi_region             = false
  enable_key_rotation      = true
  deletion_window_in_days  = 30
  policy                   = module.documents.key_policy
  tags                     = var.tags

  lifecycle {
    # Every ciphertext of this region depends on the key.
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "this" {
  for_each = toset(var.regions)
  region   = each.value

  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this[each.value].key_id
}
