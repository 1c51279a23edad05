locals {
  # A pool id is REGION_NAME.
  region = split("_", aws_cognito_user_pool.this.id)[0]

  environment = {
    COGNIGATE_PUBLIC_URL             = var.public_url
    COGNIGATE_COGNITO__USER_POOL_ID  = aws_cognito_user_pool.this.id
    COGNIGATE_COGNITO__CLIENT_ID     = aws_cognito_user_pool_client.cognigate.id
    COGNIGATE_COGNITO__CLIENT_SECRET = aws_cognito_user_pool_client.cognigate.client_secret
    COGNIGATE_COGNITO__DOMAIN        = "${aws_cognito_user_pool_domain.this.domain}.auth.${local.region}.amazoncognito.com"
  }
}

output "environment" {
  description = "cognigate's settings as lines of NAME=value; COGNIGATE_UPSTREAM and the session keys are yours to add."
  value       = join("", [for name, value in local.environment : "${name}=${value}\n"])
  sensitive   = true
}

output "callback_url" {
  description = "The redirect URI that is registered with the app client."
  value       = one(aws_cognito_user_pool_client.cognigate.callback_urls)
}

output "sign_out_url" {
  description = "The sign-out URL that is registered with the app client."
  value       = one(aws_cognito_user_pool_client.cognigate.logout_urls)
}
