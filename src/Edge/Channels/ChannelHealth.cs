using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge.Channels;

/// <summary>What a route is good for at the moment.</summary>
internal enum RouteState
{
    Ready,
    /// <summary>Its rest is over; one request at a time may show whether it works again.</summary>
    OnTrial,
    /// <summary>It failed too often, or its provider asked to be left alone: only tried where there is nothing better.</summary>
    Resting,
    /// <summary>Its key is refused or its account is empty: not tried.</summary>
    Refused,
}

/// <summary>
/// Which routes rest, as this process has seen them: a model on a channel, or a whole channel. A failure alone rests nothing: several in a
/// short time do, if no more attempts have succeeded meanwhile. When a rest is over, one request at a time tries the route; if it fails, the
/// next rest is twice as long. A channel whose key the catalog changed starts afresh.
/// </summary>
internal sealed class ChannelHealth(TimeProvider time, IOptions<EdgeOptions> options)
{
    private const string AllModels = "";

    private readonly EdgeOptions _options = options.Value;
    private readonly long _startedAt = time.GetTimestamp();
    private readonly ConcurrentDictionary<(string Channel, string Model), Record> _records = new();

    /// <summary>Whether there has ever been one: a dictionary is slow to say that it is empty.</summary>
    private volatile bool _hasRecords;

    /// <summary>A clock for attempts, ms.</summary>
    public long NowMs => (long)time.GetElapsedTime(_startedAt).TotalMilliseconds;

    /// <param name="restMs">How long it rests yet, ms; 0 when it does not.</param>
    public RouteState StateOf(Route route, out long restMs)
    {
        restMs = 0;
        if (!_hasRecords)
        {
            return RouteState.Ready;
        }

        var (channel, channelMs) = StateOf(route, AllModels);
        var (model, modelMs) = StateOf(route, route.UpstreamModel);
        restMs = Math.Max(channelMs, modelMs);
        return (RouteState)Math.Max((int)channel, (int)model);
    }

    /// <summary>Begins an attempt.</summary>
    /// <returns>False when another request tries the route already.</returns>
    public bool TryBegin(Route route)
    {
        var channel = Find(route, AllModels);
        if (channel?.TryBegin(this) == false)
        {
            return false;
        }

        if (Find(route, route.UpstreamModel)?.TryBegin(this) != false)
        {
            return true;
        }

        channel?.Ended();
        return false;
    }

    /// <summary>An attempt has succeeded. If the route has begun to rest since it began, it tells nothing of that.</summary>
    public void Succeeded(Route route, long beganMs)
    {
        foreach (var model in (ReadOnlySpan<string>)[AllModels, route.UpstreamModel])
        {
            if (Find(route, model) is { } record && record.Succeeded(this, beganMs))
            {
                _records.TryRemove(KeyValuePair.Create((route.Channel.Name, model), record));
            }
        }
    }

    /// <summary>An attempt has failed by what may be over soon: enough of these in a short time begin a rest.</summary>
    public void Failed(Route route, long beganMs) =>
        Get(route, route.UpstreamModel).Failed(this, beganMs);

    /// <summary>An attempt is over, whatever it has told.</summary>
    public void Ended(Route route)
    {
        Find(route, AllModels)?.Ended();
        Find(route, route.UpstreamModel)?.Ended();
    }

    /// <summary>Lets the model rest on the channel.</summary>
    public void Rest(Route route, long ms) => Get(route, route.UpstreamModel).Rest(this, ms, isRefused: false);

    /// <summary>Takes the model, or the whole channel, out: its provider refuses it.</summary>
    public void Refuse(Route route, long ms, bool isWholeChannel) =>
        Get(route, isWholeChannel ? AllModels : route.UpstreamModel).Rest(this, ms, isRefused: true);

    private (RouteState State, long RestMs) StateOf(Route route, string model) =>
        Find(route, model) is { } record ? record.State(NowMs) : (RouteState.Ready, 0);

    private Record? Find(Route route, string model)
    {
        if (!_hasRecords || !_records.TryGetValue((route.Channel.Name, model), out var record))
        {
            return null;
        }

        if (ReferenceEquals(record.Key, route.Channel.Key))
        {
            return record;
        }

        _records.TryRemove(KeyValuePair.Create((route.Channel.Name, model), record));
        return null;
    }

    private Record Get(Route route, string model)
    {
        _hasRecords = true;
        return Find(route, model) ?? _records.GetOrAdd((route.Channel.Name, model), static (_, key) => new Record(key), route.Channel.Key);
    }

    /// <summary>What is known of a route that has failed lately.</summary>
    private sealed class Record(ProviderKey? key)
    {
        /// <summary>After so long a trial whose end nobody told is over, ms.</summary>
        private const long TrialMaxMs = 60_000;

        private readonly Lock _lock = new();
        private long _windowBeganMs = long.MinValue;
        private int _failures;
        private int _successes;
        private long _restBeganMs = long.MinValue;
        private long _restMs;
        private long _trialUntilMs = long.MinValue;
        private bool _isRefused;

        public ProviderKey? Key => key;

        private bool HasRest => _restMs > 0;

        private long RestsUntilMs => _restBeganMs + _restMs;

        public (RouteState State, long RestMs) State(long nowMs)
        {
            lock (_lock)
            {
                return !HasRest ? (RouteState.Ready, 0)
                    : RestsUntilMs > nowMs ? (_isRefused ? RouteState.Refused : RouteState.Resting, RestsUntilMs - nowMs)
                    : _trialUntilMs > nowMs ? (RouteState.Resting, 1)
                    : (RouteState.OnTrial, 0);
            }
        }

        public bool TryBegin(ChannelHealth health)
        {
            lock (_lock)
            {
                var nowMs = health.NowMs;
                if (!HasRest || RestsUntilMs > nowMs)
                {
                    return true;
                }

                if (_trialUntilMs > nowMs)
                {
                    return false;
                }

                _trialUntilMs = nowMs + TrialMaxMs;
                return true;
            }
        }

        /// <returns>Whether nothing needs to be known of the route any more.</returns>
        public bool Succeeded(ChannelHealth health, long beganMs)
        {
            lock (_lock)
            {
                if (HasRest)
                {
                    return beganMs >= RestsUntilMs;
                }

                _successes++;
                return _windowBeganMs <= health.NowMs - health._options.FailureWindowMs;
            }
        }

        public void Failed(ChannelHealth health, long beganMs)
        {
            lock (_lock)
            {
                var nowMs = health.NowMs;
                if (HasRest)
                {
                    // What began before the rest was over is part of why there is one.
                    if (beganMs >= RestsUntilMs)
                    {
                        Begin(nowMs, Math.Min(2 * _restMs, Math.Max(_restMs, health._options.LongRestMs)), isRefused: false);
                    }

                    return;
                }

                if (_windowBeganMs <= nowMs - health._options.FailureWindowMs)
                {
                    (_windowBeganMs, _failures, _successes) = (nowMs, 0, 0);
                }

                _failures++;
                if (_failures >= health._options.FailuresToRest && _failures >= _successes)
                {
                    Begin(nowMs, health._options.RestMs, isRefused: false);
                }
            }
        }

        public void Rest(ChannelHealth health, long ms, bool isRefused)
        {
            lock (_lock)
            {
                // One that is known meanwhile to last longer does.
                var nowMs = health.NowMs;
                var isResting = HasRest && RestsUntilMs > nowMs;
                Begin(nowMs, isResting ? Math.Max(ms, RestsUntilMs - nowMs) : ms, isRefused || (isResting && _isRefused));
            }
        }

        public void Ended()
        {
            lock (_lock)
            {
                _trialUntilMs = long.MinValue;
            }
        }

        private void Begin(long nowMs, long ms, bool isRefused)
        {
            (_windowBeganMs, _failures, _successes) = (long.MinValue, 0, 0);
            (_restBeganMs, _restMs, _isRefused, _trialUntilMs) = (nowMs, ms, isRefused, long.MinValue);
        }
    }
}
