//! SMTP without I/O: replies, EHLO keywords and masks, and the dialogue.
