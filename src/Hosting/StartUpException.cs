namespace OrleansGateway.Hosting;

/// <summary>The gateway cannot start or go on, for a reason that its operator can mend: the message says what to change.</summary>
public sealed class StartUpException(string message) : Exception(message);
