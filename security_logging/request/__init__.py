"""Who and where: what is known of a request besides its address."""
