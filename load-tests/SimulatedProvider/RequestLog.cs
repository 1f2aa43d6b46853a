using System.Text;

namespace OrleansGateway.SimulatedProvider;

/// <summary>A chat request as it was received.</summary>
public sealed class RecordedRequest
{
    /// <summary>Position in the order of arrival, from 1.</summary>
    public required long Number { get; init; }

    /// <summary>Header values by name, as received; several values of a name are joined by commas.</summary>
    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    /// <summary>The body's text.</summary>
    public required string Body { get; init; }

    /// <summary>The <c>id</c> of the answer and value of its <c>x-request-id</c>.</summary>
    public string? ResponseId { get; internal set; }

    /// <summary>How it ended.</summary>
    public ExchangeOutcome Outcome { get; internal set; }
}

/// <summary>The last <paramref name="requestsMax"/> chat requests.</summary>
internal sealed class RequestLog(int requestsMax)
{
    private readonly Lock _lock = new();
    private readonly Queue<RecordedRequest> _requests = new();
    private readonly Queue<string> _events = new();

    /// <returns>The entry, or null when nothing is to be kept.</returns>
    public RecordedRequest? Add(long number, HttpContext context, ReadOnlyMemory<byte> body)
    {
        if (requestsMax == 0)
        {
            return null;
        }

        var entry = new RecordedRequest
        {
            Number = number,
            Headers = context.Request.Headers.ToDictionary(
                header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            Body = Encoding.UTF8.GetString(body.Span),
        };
        lock (_lock)
        {
            while (_requests.Count >= requestsMax)
            {
                _requests.Dequeue();
            }

            _requests.Enqueue(entry);
        }

        return entry;
    }

    /// <summary>Keeps an event of a session.</summary>
    public void AddEvent(string text)
    {
        lock (_lock)
        {
            while (requestsMax > 0 && _events.Count >= requestsMax)
            {
                _events.Dequeue();
            }

            if (requestsMax > 0)
            {
                _events.Enqueue(text);
            }
        }
    }

    /// <returns>The kept events, the oldest first.</returns>
    public IReadOnlyList<string> ReadEvents()
    {
        lock (_lock)
        {
            return [.. _events];
        }
    }

    /// <returns>The kept requests, the oldest first.</returns>
    public IReadOnlyList<RecordedRequest> Read()
    {
        lock (_lock)
        {
            return [.. _requests];
        }
    }
}
