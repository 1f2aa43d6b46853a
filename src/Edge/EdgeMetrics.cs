using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using OrleansGateway.Edge.Bodies;

namespace OrleansGateway.Edge;

/// <summary>The relay's instruments. Their tags have few values: no account, key or request is among them.</summary>
internal sealed class EdgeMetrics : IDisposable
{
    public const string MeterName = "OrleansGateway.Edge";

    private const int FieldNamesMax = 100;
    private const int FieldNameLengthMax = 48;

    /// <summary>A model may think for minutes: OpenTelemetry's own bounds end at ten seconds.</summary>
    private static readonly InstrumentAdvice<double> UpToMinutes = new()
    {
        HistogramBucketBoundaries =
            [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000],
    };

    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _firstByte;
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _providerErrors;
    private readonly UpDownCounter<long> _running;
    private readonly Counter<long> _connectionsRefused;
    private readonly Counter<long> _unknownFields;
    private readonly ConcurrentDictionary<string, byte> _fieldNames = new(StringComparer.Ordinal);

    public EdgeMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _requests = _meter.CreateCounter<long>("og.edge.requests", "{request}", "Requests by their HTTP status and outcome.");
        _firstByte = _meter.CreateHistogram("og.edge.first_byte", "ms", "From a request's arrival to the first content of its answer.", advice: UpToMinutes);
        _duration = _meter.CreateHistogram("og.edge.duration", "ms", "From a request's arrival to its last byte.", advice: UpToMinutes);
        _providerErrors = _meter.CreateCounter<long>("og.edge.provider_errors", "{attempt}", "Failed attempts by channel and kind.");
        _running = _meter.CreateUpDownCounter<long>("og.edge.running", "{request}", "Requests that run.");
        _unknownFields = _meter.CreateCounter<long>("og.edge.unknown_fields", "{field}", "Request fields that the relay does not know and that were passed on, by name.");
        _connectionsRefused = _meter.CreateCounter<long>(
            "og.edge.connections_refused", "{connection}", "Connections that were closed because their address has too many.");
    }

    /// <summary>A request that is not relayed has been answered.</summary>
    public void Answered(int status)
    {
        if (_requests.Enabled)
        {
            _requests.Add(1, new("status", status), new("outcome", "NotRelayed"));
        }
    }

    /// <summary>Fields that the relay does not know go to a provider. Clients choose their names: after the first hundred, and of odd ones, none is a tag.</summary>
    public void PassedOn(IReadOnlyList<string> unknownFields)
    {
        foreach (var field in unknownFields)
        {
            var isPlain = field.Length is > 0 and <= FieldNameLengthMax && field.All(static character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-' or '.');
            var isKnown = isPlain && (_fieldNames.ContainsKey(field) || (_fieldNames.Count < FieldNamesMax && _fieldNames.TryAdd(field, 0)));
            _unknownFields.Add(1, new KeyValuePair<string, object?>("field", isKnown ? field : "other"));
        }
    }

    public void Started() => _running.Add(1);

    public void Ended(int status, string outcome, long firstByteMs, long durationMs)
    {
        _running.Add(-1);
        if (_requests.Enabled)
        {
            _requests.Add(1, new("status", status), new("outcome", outcome));
        }

        if (firstByteMs >= 0)
        {
            _firstByte.Record(firstByteMs);
        }

        _duration.Record(durationMs);
    }

    public void ProviderFailed(string channel, string failure) =>
        _providerErrors.Add(1, new("channel", channel), new("failure", failure));

    public void ConnectionRefused() => _connectionsRefused.Add(1);

    /// <summary>Reports what the bodies of requests take.</summary>
    public void WatchBodies(BodyBudget unadmitted, BodyBudget admitted) => _meter.CreateObservableUpDownCounter(
        "og.edge.body_bytes",
        () => new Measurement<long>[]
        {
            new(unadmitted.Bytes, new KeyValuePair<string, object?>("admitted", false)),
            new(admitted.Bytes, new KeyValuePair<string, object?>("admitted", true)),
        },
        "By",
        "Memory of requests' bodies by whether they are admitted.");

    public void WatchAnswers(BodyBudget answers) => _meter.CreateObservableUpDownCounter(
        "og.edge.answer_bytes", () => answers.Bytes, "By", "Memory of large answers that are not streamed.");

    public void Dispose() => _meter.Dispose();
}
