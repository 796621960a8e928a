"""Who may do what and how often: policies, scopes, rates, and the record of what was done."""
