//! MTA-STS: the TXT record, the policy, and which hosts it lists (RFC 8461).
