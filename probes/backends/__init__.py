"""Looking at the lanes' servers from outside: whether they live, whether they work, and what they count."""
