namespace OrleansGateway.Silo.Cli;

/// <summary>It is not done; the message is for the person at the command line.</summary>
internal sealed class RefusedException(string message) : Exception(message);
