//! What is wrong with files, and what is odd about settings, when the gate starts.
