"""Who may do what: policies, accounts, tokens, rates and the record of what was done."""
