"""A site with one login page that is served as docs/proxies.md says."""
