namespace OrleansGateway.Edge.Http;

/// <summary>
/// Ends a response that has begun and is not complete. The server sends what was written and closes the connection without the
/// body's end, so that a client that does not know error events can tell too. No bug, and logged by nobody.
/// </summary>
internal sealed class ResponseCutException : Exception
{
    public ResponseCutException()
        : base("The response is cut on purpose.")
    {
    }
}
