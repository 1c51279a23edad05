variable "public_url" {
  description = "What browsers see: scheme, host and perhaps a port, such as https://app.example.com."
  type        = string

  validation {
    condition     = can(regex("^(https://[^/]+|http://localhost(:[0-9]+)?)$", var.public_url))
    error_message = "It must be https://HOST, or http://localhost, without a slash at its end."
  }
}

variable "domain_prefix" {
  description = "The first label of PREFIX.auth.REGION.amazoncognito.com; unique in its region."
  type        = string
}

variable "name" {
  description = "The user pool's name."
  type        = string
  default     = "cognigate"
}

variable "identity_providers" {
  description = "Where users may come from: COGNITO for the pool's own, and the names of the pool's identity providers."
  type        = list(string)
  default     = ["COGNITO"]
}

variable "self_sign_up" {
  description = "Whether anyone may make an account on the sign-in page."
  type        = bool
  default     = false
}

variable "refresh_token_rotation" {
  description = "Whether each refresh gives a new refresh token, and ends the old one 60 seconds later."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether the user pool, with every account in it, is kept from being deleted by mistake."
  type        = bool
  default     = true
}
