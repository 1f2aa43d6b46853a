using System.Diagnostics.Metrics;

namespace OrleansGateway.Edge;

/// <summary>The relay's instruments. Their tags have few values: no account, key or request is among them.</summary>
internal sealed class EdgeMetrics : IDisposable
{
    public const string MeterName = "OrleansGateway.Edge";

    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _firstByte;
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _providerErrors;
    private readonly UpDownCounter<long> _running;

    public EdgeMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _requests = _meter.CreateCounter<long>("og.edge.requests", "{request}", "Requests by their HTTP status and outcome.");
        _firstByte = _meter.CreateHistogram<double>("og.edge.first_byte", "ms", "From a request's arrival to its provider's first byte.");
        _duration = _meter.CreateHistogram<double>("og.edge.duration", "ms", "From a request's arrival to its last byte.");
        _providerErrors = _meter.CreateCounter<long>("og.edge.provider_errors", "{attempt}", "Failed attempts by channel and kind.");
        _running = _meter.CreateUpDownCounter<long>("og.edge.running", "{request}", "Requests that run.");
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

    public void Dispose() => _meter.Dispose();
}
