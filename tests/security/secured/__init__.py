"""What the secured tests are made of: certificates, a broker's logins, a front that speaks TLS."""
