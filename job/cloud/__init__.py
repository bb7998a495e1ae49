"""AWS: what a deployed platform is, asked of AWS itself; nothing here needs the CDK or a checkout."""
