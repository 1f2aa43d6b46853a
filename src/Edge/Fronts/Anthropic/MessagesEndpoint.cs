using System.Globalization;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Dialects.Anthropic;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Anthropic;

namespace OrleansGateway.Edge.Fronts.Anthropic;

/// <summary>Messages, and counts of their tokens.</summary>
internal sealed class MessagesEndpoint(IFront front, string path, bool isCount) : IRelayedEndpoint
{
    private static readonly string[] PassedHeaders = [AnthropicDialect.VersionHeader, MessagesBetas.Header];

    public IFront Front => front;

    public string Path => path;

    public IExchange? Read(HttpRequest httpRequest, ReadOnlyMemory<byte> body, out ApiError error)
    {
        foreach (var name in PassedHeaders)
        {
            if (httpRequest.Headers[name].ToString().AsSpan().ContainsAnyExceptInRange(' ', '~'))
            {
                error = new ApiError(ErrorKind.InvalidRequest, $"The header '{name}' has characters that are not printable ASCII.", name);
                return null;
            }
        }

        if (MessagesRequest.TryRead(body, isCount, out var request, out var wrong, httpRequest.Headers[MessagesBetas.Header].ToString()))
        {
            error = default;
            var upstream = new MessagesUpstreamRequest(request, isCount, HeadersOf(httpRequest));
            return isCount
                ? new CountExchange(
                    request, upstream, front, static tokens => string.Create(CultureInfo.InvariantCulture, $"{{\"input_tokens\":{Math.Max(1, tokens)}}}"))
                : new MessagesExchange(request, upstream, front);
        }

        error = new ApiError(
            wrong.IsMissingId ? ErrorKind.NotKept : ErrorKind.InvalidRequest, wrong.Message, wrong.Param, wrong.Code);
        return null;
    }

    /// <summary>The headers that say what the body means: they go with it.</summary>
    private static List<KeyValuePair<string, string>> HeadersOf(HttpRequest request)
    {
        var headers = new List<KeyValuePair<string, string>>(2);
        foreach (var name in PassedHeaders)
        {
            if (request.Headers[name].ToString() is { Length: > 0 } value)
            {
                headers.Add(new(name, value));
            }
        }

        return headers;
    }
}
