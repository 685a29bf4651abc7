"""What `factory demo` brings along: a sample project, six specs, and a small program that plays the agent."""
