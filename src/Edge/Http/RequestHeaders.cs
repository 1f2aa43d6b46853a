using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Pipeline;

namespace OrleansGateway.Edge.Http;

/// <summary>Refuses requests by the length of their headers.</summary>
internal static class RequestHeaders
{
    /// <summary>The most of all names and values together, bytes.</summary>
    public const int MaxBytes = 16 * 1024;

    public static ApiError TooLong { get; } = new(
        ErrorKind.HeadersTooLong, $"The request's headers are longer than {MaxBytes} bytes. Send shorter ones.");

    /// <summary>The length of all names and values together; the server keeps them as strings, two bytes a character.</summary>
    public static int LengthOf(IHeaderDictionary headers)
    {
        var length = 0;
        foreach (var (name, values) in headers)
        {
            foreach (var value in values)
            {
                length += name.Length + (value?.Length ?? 0);
            }
        }

        return length;
    }
}
