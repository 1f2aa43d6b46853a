using System.Diagnostics.Metrics;
using OrleansGateway.Edge.Bodies;

namespace OrleansGateway.Edge;

/// <summary>The relay's instruments. Their tags have few values: no account, key or request is among them.</summary>
internal sealed class EdgeMetrics : IDisposable
{
    public const string MeterName = "OrleansGateway.Edge";

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

    public EdgeMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _requests = _meter.CreateCounter<long>("og.edge.requests", "{request}", "Requests by their HTTP status and outcome.");
        _firstByte = _meter.CreateHistogram("og.edge.first_byte", "ms", "From a request's arrival to the first content of its answer.", advice: UpToMinutes);
        _duration = _meter.CreateHistogram("og.edge.duration", "ms", "From a request's arrival to its last byte.", advice: UpToMinutes);
        _providerErrors = _meter.CreateCounter<long>("og.edge.provider_errors", "{attempt}", "Failed attempts by channel and kind.");
        _running = _meter.CreateUpDownCounter<long>("og.edge.running", "{request}", "Requests that run.");
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

    public void Dispose() => _meter.Dispose();
}
