"""Principal components learned once on other images, which make vectors shorter."""
