//! What Postfix would do with one address at each of its TLS security levels
//! (Postfix TLS_README).
