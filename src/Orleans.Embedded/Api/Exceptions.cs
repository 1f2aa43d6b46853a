namespace Orleans.Runtime;

/// <summary>An error of the engine itself rather than of a grain.</summary>
public class OrleansException : Exception
{
    /// <inheritdoc cref="OrleansException"/>
    public OrleansException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="OrleansException"/>
    public OrleansException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>No activation took the call: each one it was passed on to was ending.</summary>
public class OrleansMessageRejectionException(string message) : OrleansException(message);

/// <summary>The process stops and starts no activation any more.</summary>
public sealed class SiloUnavailableException(string message) : OrleansMessageRejectionException(message);
