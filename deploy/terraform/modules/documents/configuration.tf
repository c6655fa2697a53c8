# rkms.toml, line by line. Every JSON string is also a valid TOML string.
locals {
  head_lines = [
    "deployment = ${jsonencode(var.deployment)}",
    "data_dir = ${jsonencode(var.data_dir)}",
    "",
    "[server]",
    "host = ${jsonencode(var.listen.host)}",
    "port = ${var.listen.port}",
    "",
    "[operations]",
    "host = ${jsonencode(var.listen.operations_host)}",
    "port = ${var.listen.operations_port}",
  ]

  tls_lines = flatten([
    for tls in [var.tls] : concat(
      ["", "[tls]", "cert_file = ${jsonencode(tls.cert_file)}", "key_file = ${jsonencode(tls.key_file)}"],
      [for file in [tls.client_ca_file] : "client_ca_file = ${jsonencode(file)}" if file != null],
    ) if tls != null
  ])

  region_lines = flatten([
    for region in var.regions : [
      "",
      "[[regions]]",
      "name = ${jsonencode(region)}",
      "vault = \"aws-kms\"",
      "kms_key = ${jsonencode(var.key_arns[region])}",
    ]
  ])

  store_head_lines = [
    "",
    "[store]",
    "kind = \"dynamodb\"",
    "table = ${jsonencode(var.table)}",
    "mode = ${jsonencode(var.store.mode)}",
  ]

  # One region is an option of [store]; several regions are separate tables. In mode home, the first one is the home region.
  store_region_lines = flatten([
    for mode in [var.store.mode] : mode == "single" ? ["region = ${jsonencode(var.store.regions[0])}"] : concat(
      [for home in [var.store.regions[0]] : "home = ${jsonencode(home)}" if mode == "home"],
      flatten([for region in var.store.regions : ["", "[[store.regions]]", "name = ${jsonencode(region)}"]]),
    )
  ])

  rkms_toml = join("\n", concat(
    local.head_lines,
    local.tls_lines,
    local.region_lines,
    local.store_head_lines,
    local.store_region_lines,
    ["", var.more_configuration],
  ))
}
