"""The REST endpoints of datasets, images, jobs and the bin, and what all endpoints share."""
