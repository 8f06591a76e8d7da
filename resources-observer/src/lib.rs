//! Reacts to what is published: whoever writes a reaction names the events it is for, and never
//! thinks of the infrastructure.
