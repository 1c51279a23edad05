# A user pool, its domain and the app client that cognigate signs users in with.

terraform {
  required_version = ">= 1.3"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

resource "aws_cognito_user_pool" "this" {
  name                     = var.name
  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]
  deletion_protection      = var.deletion_protection ? "ACTIVE" : "INACTIVE"

  admin_create_user_config {
    allow_admin_create_user_only = !var.self_sign_up
  }
}

resource "aws_cognito_user_pool_domain" "this" {
  domain       = var.domain_prefix
  user_pool_id = aws_cognito_user_pool.this.id
}

resource "aws_cognito_user_pool_client" "cognigate" {
  name         = "cognigate"
  user_pool_id = aws_cognito_user_pool.this.id

  generate_secret               = true
  enable_token_revocation       = true
  prevent_user_existence_errors = "ENABLED"

  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["code"]
  allowed_oauth_scopes                 = ["openid", "email", "profile"]
  supported_identity_providers         = var.identity_providers

  # Cognito compares them to the letter.
  callback_urls = ["${var.public_url}/oauth2/callback"]
  logout_urls   = ["${var.public_url}/oauth2/signed_out"]

  # cognigate uses none of these flows: it refreshes at the token endpoint. The list may not be empty, and a
  # client that rotates its refresh tokens may not have ALLOW_REFRESH_TOKEN_AUTH on it.
  explicit_auth_flows = [var.refresh_token_rotation ? "ALLOW_USER_SRP_AUTH" : "ALLOW_REFRESH_TOKEN_AUTH"]

  dynamic "refresh_token_rotation" {
    for_each = var.refresh_token_rotation ? [1] : []

    content {
      feature = "ENABLED"
      # Requests that still carry the old cookie, and other replicas, come in this time.
      retry_grace_period_seconds = 60
    }
  }
}
