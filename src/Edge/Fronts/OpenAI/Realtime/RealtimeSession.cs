using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI.Realtime;

namespace OrleansGateway.Edge.Fronts.OpenAI.Realtime;

/// <summary>
/// One Realtime session between a client and a provider. Money is held for each response before it can begin: for those that a client asks for
/// before its wish is passed on, and for those that begin by themselves one ahead. A response is settled before its end is passed on, or,
/// when either side goes away, as far as it came.
/// </summary>
internal sealed partial class RealtimeSession : IWatched, IHoldOwner, IDisposable
{
    /// <summary>What SDKs do not connect again after.</summary>
    private const int Refused = 1008;
    private const int KeyInvalid = 3000;
    private const int BetaShape = 4000;
    private const int ModelNotFound = 4004;
    private const int Idle = 4408;

    /// <summary>What they do connect again after.</summary>
    private const int Over = 1001;
    private const int TooLarge = 1009;
    private const int Failed = 1011;
    private const int Restart = 1012;
    private const int TryLater = 1013;

    /// <summary>The most events of one session that are refused.</summary>
    private const int RefusedEventsMax = 100;

    /// <summary>After so much more sound the money for it is looked at again, tokens.</summary>
    private const long ReportEveryTokens = 50;

    private const int TokensPerHeardSecond = 10;

    /// <summary>How long a client may take to say good-bye.</summary>
    private static readonly TimeSpan CloseWait = TimeSpan.FromSeconds(2);

    private readonly HttpContext _context;
    private readonly string _requestId;
    private readonly OpenAIFront _front;
    private readonly RealtimeServices _services;
    private readonly RealtimeSocket _client;
    private readonly TimeLimits _limits;
    private readonly long _startedAt;
    private readonly CancellationTokenSource _clientGone;
    private readonly CancellationTokenSource _providerOver = new();
    private readonly TaskCompletionSource<End> _ending = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _quiet = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>One at a time changes what is held.</summary>
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly List<Ask> _asked = [];
    private Caller _caller;
    private string _modelName = "";
    private Route? _route;
    private RealtimeSocket? _provider;
    private RealtimeConversation _conversation = null!;
    private RealtimeLine? _responses;
    private RealtimeLine? _transcriptions;
    private string? _transcriptionName;
    private ReadOnlyMemory<byte> _ownSettings;
    private bool _isConfigured;
    private bool _transcribes;
    private bool _beginsByItself = true;
    private long _outputTokensMax;
    private long _reportedTokens;
    private int _refusedEvents;
    private int _ownIds;
    private int _served;
    private volatile bool _isDraining;

    public RealtimeSession(HttpContext context, WebSocket client, string requestId, OpenAIFront front, RealtimeServices services)
    {
        (_context, _requestId, _front, _services) = (context, requestId, front, services);
        _startedAt = services.Time.GetTimestamp();
        _caller = new Caller(default, ClientAddress.Of(context));
        _clientGone = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);

        // Who has shown no key yet shares its room with its address alone.
        _client = new RealtimeSocket(client, services.Frames, _caller with { Key = new ApiKey("", "", default) });
        _limits = services.Watchdog.Start(this, services.Options.RealtimeSessionMs);
    }

    private bool IsEnding => _ending.Task.IsCompleted;

    /// <summary>The most that any response can take that may begin now: a provider does not say which of those that were asked for it begins.</summary>
    private RealtimeNeed Need => NeedOf(_outputTokensMax);

    private RealtimeNeed TranscriptionNeed => new(
        Math.Min(_conversation.UncommittedTokens, _transcriptions!.Model.ContextWindow),
        _transcriptions.Model.MaxOutputTokens,
        _conversation.UncommittedTokens,
        (_conversation.UncommittedTokens / TokensPerHeardSecond) + 1);

    public static ApiError OnlyRealtime(string param) => new(
        ErrorKind.InvalidRequest, "Only sessions of the type 'realtime' are available here: use /v1/audio/transcriptions to transcribe.", param, "unsupported_value");

    /// <summary>Runs the session to its end.</summary>
    public async Task RunAsync()
    {
        try
        {
            if (await BeginAsync() is { } refused)
            {
                Stop(EndOf(refused));
                await TellAsync();
                await WaitForCloseAsync(ReadToEndAsync());
                return;
            }

            _limits.Limit(_services.Options.RealtimeIdleMs);
            var up = GuardAsync(UpAsync);
            var down = GuardAsync(DownAsync);
            await _ending.Task;
            await EndResponsesAsync(down);
            await TellAsync();
            await WaitForCloseAsync(up);
        }
        finally
        {
            await SettleRestAsync();
            Log();
        }
    }

    void IWatched.TimedOut(bool isTotal)
    {
        // From here on only the time for its client to read what ends the session counts.
        _limits.NoLimit();
        _limits.NoTotal();
        if (isTotal)
        {
            Stop(new End(new ApiError(ErrorKind.TotalTimeOver, "The session has reached its maximum duration.", Code: "session_expired"), Over, RequestStatus.TimedOut));
        }
        else
        {
            Stop(new End(new ApiError(ErrorKind.TotalTimeOver, "The session was idle for too long.", Code: "session_idle"), Idle, RequestStatus.TimedOut));
        }
    }

    /// <summary>The client has left what was sent to it unread.</summary>
    void IWatched.KeepAlive()
    {
        Stop(End.ClientGone);
        _ = CancelAsync(_clientGone);
    }

    void IWatched.GatewayWillStop()
    {
        _isDraining = true;
        if (_responses is not { Running: > 0 })
        {
            Stop(End.GatewayStops);
        }
    }

    void IWatched.GatewayStopping() => Stop(End.GatewayStops);

    void IHoldOwner.HoldLost() => Stop(new End(new ApiError(ErrorKind.Stopped, "The gateway had to stop the session. Please try again."), Failed, RequestStatus.Stopped));

    public void Dispose()
    {
        _services.Watchdog.End(_limits);
        _provider?.Dispose();
        _client.Dispose();
        _providerOver.Dispose();
        _clientGone.Dispose();
        _gate.Dispose();
    }

    /// <summary>Steps before the first event: key, model, money, provider.</summary>
    /// <returns>Why there is no session; null when there is.</returns>
    private async ValueTask<ApiError?> BeginAsync()
    {
        if (!RealtimeEndpoint.TryReadKey(_context, _services.Secrets, out var key, out var secret)
            || secret?.ExpiresAt < _services.Time.GetUtcNow().ToUnixTimeSeconds())
        {
            return secret is null ? Refusals.InvalidKey : Refusals.InvalidKey with { Message = "The client secret has expired. Make a new one." };
        }

        _caller = _caller with { Key = key };
        if (_services.Catalog.Current is not { } catalog)
        {
            return Refusals.NoCatalog;
        }

        if (UnsupportedOf(_context.Request) is { } unsupported)
        {
            return unsupported;
        }

        string? asked = _context.Request.Query["model"];
        _modelName = asked ?? secret?.Model ?? "";
        var model = catalog.FindModel(_modelName);
        if (model is not { IsRealtime: true } || catalog.PriceFor(model, _services.Time.GetUtcNow()) is null)
        {
            return Refusals.ModelNotFound(_modelName);
        }

        if (secret is not null && catalog.FindModel(secret.Model) != model)
        {
            return Refusals.ModelNotAllowed(_modelName);
        }

        _ownSettings = secret?.Session ?? default;
        _outputTokensMax = model.MaxOutputTokens;
        _conversation = new RealtimeConversation(model);
        _responses = new RealtimeLine(_services, _caller, model, ChargedBy.Tokens, this);
        return await _responses.EnsureAsync(1, Need) ?? await ConnectAsync(catalog, model);
    }

    private static ApiError? UnsupportedOf(HttpRequest request)
    {
        if (request.Query.ContainsKey("call_id"))
        {
            return new ApiError(ErrorKind.InvalidRequest, "Calls are not available here: connect with a model.", "call_id", "unsupported_value");
        }

        return request.Query.TryGetValue("intent", out var intent) && intent != "realtime" ? OnlyRealtime("intent")
            : request.Headers["OpenAI-Beta"].ToString().Contains("realtime=v1", StringComparison.Ordinal)
                || request.HttpContext.WebSockets.WebSocketRequestedProtocols.Contains("openai-beta.realtime-v1")
                ? new ApiError(ErrorKind.InvalidRequest, "The beta's shape of events is not available: leave OpenAI-Beta out.", Code: "beta_api_shape_disabled")
            : null;
    }

    /// <summary>Connects to one of the model's providers, and waits until it has begun the session.</summary>
    private async ValueTask<ApiError?> ConnectAsync(CatalogSnapshot catalog, Model model)
    {
        // A provider with versions of its API has its sessions elsewhere.
        var routes = catalog.RoutesTo(model).RemoveAll(
            static route => route.Channel.Provider is not { Traits.Dialect: ProviderKinds.OpenAI, ApiVersion: null });
        var (tried, last) = (0UL, AttemptEnd.Completed);
        for (var number = 0; number < _services.Options.MaxAttempts && !IsEnding; number++)
        {
            if (_services.Choice.Next(routes, ref tried, out var retryAfterMs) is not { } route)
            {
                last = number == 0 ? AttemptEnd.NoChannel(retryAfterMs) : last;
                break;
            }

            try
            {
                var beganMs = _services.Health.NowMs;
                (_provider, last) = await RealtimeProvider.ConnectAsync(_services, _caller, route, _clientGone.Token);
                _services.Failures.Note(_requestId, route, last, beganMs);
                if (_provider is not null)
                {
                    (_route, _responses!.Channel) = (route, route.Channel.Name);
                    return null;
                }

                if (!last.IsRetryable)
                {
                    break;
                }
            }
            finally
            {
                _services.Health.Ended(route);
            }
        }

        return last.Outcome == AttemptOutcome.Failed ? last.Error : new ApiError(ErrorKind.ClientGone, "The client closed the connection.");
    }

    /// <summary>Waits until the client has closed its side, or has had the time for it.</summary>
    private async Task WaitForCloseAsync(Task reading)
    {
        await Task.WhenAny(reading, Task.Delay(CloseWait, _services.Time));
        await _clientGone.CancelAsync();
        await reading;
    }

    private async Task ReadToEndAsync()
    {
        try
        {
            while (await _client.ReadAsync(_clientGone.Token) is RealtimeRead.Event or RealtimeRead.Binary)
            {
                // It only says good-bye any more.
            }
        }
        catch (Exception exception) when (RealtimeSocket.IsGone(exception))
        {
            // It has gone.
        }
    }

    private async Task GuardAsync(Func<Task> pump)
    {
        try
        {
            await pump();
        }
        catch (Exception exception)
        {
            Stop(new End(new ApiError(ErrorKind.Internal, $"The gateway failed on this session ({_requestId})."), Failed, RequestStatus.Stopped));
            LogBug(_services.Logger, _requestId, exception);
        }
    }

    /// <summary>From the client to the provider.</summary>
    private async Task UpAsync()
    {
        using var written = new PooledBytes(1024);
        while (true)
        {
            RealtimeRead read;
            try
            {
                read = await _client.ReadAsync(_clientGone.Token);
            }
            catch (Exception exception) when (RealtimeSocket.IsGone(exception))
            {
                read = RealtimeRead.Closed;
            }

            switch (read)
            {
                case RealtimeRead.Closed:
                    Stop(End.ClientGone);
                    return;
                case RealtimeRead.TooLarge:
                    Stop(new End(
                        new ApiError(ErrorKind.BodyTooLarge, $"An event has at most {RealtimeSocket.EventBytesMax} bytes."), TooLarge, RequestStatus.ClientGone));
                    return;
                case RealtimeRead.NoRoom:
                    Stop(EndOf(Refusals.NoRoom));
                    return;
            }

            if (IsEnding)
            {
                // It only says good-bye any more.
                continue;
            }

            _limits.Limit(_services.Options.RealtimeIdleMs);
            written.Clear();
            if (await TakeFromClientAsync(read == RealtimeRead.Event, written) is { } refused)
            {
                _limits.KeepAliveIn(_services.Options.WriteTimeoutMs);
                await SendErrorAsync(refused.Error, refused.EventId);
                _limits.NoKeepAlive();
                if (++_refusedEvents > RefusedEventsMax)
                {
                    Stop(new End(null, Refused, RequestStatus.ClientGone));
                }
            }
            else
            {
                await _provider!.SendAsync(written.Length > 0 ? written.Memory : _client.Event, _providerOver.Token);
            }
        }
    }

    /// <summary>Looks at a client's event, and holds what it needs.</summary>
    /// <param name="isText">Whether it is one at all.</param>
    /// <param name="written">Gets what is passed on in its place, where that differs.</param>
    /// <returns>Why it is not passed on; null when it is.</returns>
    private async ValueTask<(ApiError Error, string? EventId)?> TakeFromClientAsync(bool isText, PooledBytes written)
    {
        if (!isText || !RealtimeEvent.TryRead(_client.Event.Span, out var sent))
        {
            return (new ApiError(ErrorKind.InvalidRequest, "This is no event: a JSON object with a type is expected, as text.", Code: "invalid_event"), null);
        }

        var eventId = sent.EventId;
        await _gate.WaitAsync();
        try
        {
            if (sent.Kind != RealtimeKind.SessionUpdate)
            {
                _conversation.Add(sent);
            }

            ApiError? refused = sent.Kind switch
            {
                RealtimeKind.TranscriptionSessionUpdate => OnlyRealtime("type"),
                RealtimeKind.SessionUpdate => await UpdateAsync(sent, written),
                RealtimeKind.ResponseCreate => await AskAsync(sent, written),
                _ => null,
            };
            if (refused is { } error)
            {
                return (error, eventId);
            }

            await ListenAsync();
            return null;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>More was heard, or written: what may begin by itself comes to need more.</summary>
    private async ValueTask ListenAsync()
    {
        if (_conversation.TokensMax < _reportedTokens + ReportEveryTokens)
        {
            return;
        }

        _reportedTokens = _conversation.TokensMax;
        var noMoney = _beginsByItself ? await EnsureAsync() : null;
        noMoney ??= _transcribes ? await _transcriptions!.EnsureAsync(1, TranscriptionNeed) : null;
        if (noMoney is { } refused)
        {
            Stop(EndOf(refused));
        }
    }

    private async ValueTask<ApiError?> UpdateAsync(RealtimeEvent sent, PooledBytes written)
    {
        var settings = sent.Settings;
        if (RefusedOf(settings) is { } refused)
        {
            return refused;
        }

        if (settings.Type is not (null or "realtime"))
        {
            return OnlyRealtime("session.type");
        }

        string? transcriptionModel = null;
        if (settings.TranscriptionModel is { } name)
        {
            if (await TranscribeAsync(name) is { } unsold)
            {
                return unsold;
            }

            transcriptionModel = UpstreamOf(_transcriptions!.Model);
        }

        // What makes responses dearer, or begins them, counts from here on; what does not, once the provider says so.
        var before = (_outputTokensMax, _beginsByItself);
        _outputTokensMax = settings.HasMaxOutput ? Math.Max(_outputTokensMax, MaxOutputOf(settings)) : _outputTokensMax;
        if (settings.TurnDetection == TurnDetection.On)
        {
            _beginsByItself = true;
            if (await EnsureAsync() is { } noMoney)
            {
                (_outputTokensMax, _beginsByItself) = before;
                return noMoney;
            }
        }

        _conversation.Wish(settings);
        sent.Write(written, _client.Event.Span, _route!.UpstreamModel, transcriptionModel);
        return null;
    }

    /// <summary>A client asks for a response.</summary>
    private async ValueTask<ApiError?> AskAsync(RealtimeEvent sent, PooledBytes written)
    {
        var settings = sent.Settings;
        if (RefusedOf(settings) is { } refused)
        {
            return refused;
        }

        if (_isDraining)
        {
            return Refusals.Stopping;
        }

        var ask = new Ask(sent.EventId ?? "og_" + ++_ownIds, settings.HasMaxOutput ? MaxOutputOf(settings) : _outputTokensMax, sent.RefersToItems);
        _asked.Add(ask);
        if (await _responses!.EnsureAsync(ReadyNeeded, NeedOf(_beginsByItself ? _outputTokensMax : 0)) is { } noMoney)
        {
            _asked.RemoveAt(_asked.Count - 1);
            return noMoney;
        }

        _conversation.Wish(settings);
        if (sent.EventId is null)
        {
            RealtimeEvents.WriteWithId(written, _client.Event.Span, ask.Id);
        }

        return null;
    }

    /// <summary>What neither a session nor a response may have, since nobody can tell what it costs or whose it is.</summary>
    private ApiError? RefusedOf(in RealtimeSettings settings) =>
        settings.ForeignTool is { } tool ? new ApiError(
            ErrorKind.InvalidRequest, $"Tools of the type '{tool}' are not sold here: only functions are.", "session.tools", "unsupported_value")
        : settings.HasPrompt ? new ApiError(
            ErrorKind.NotKept, "The 'prompt' was not found: this gateway keeps none. Send the instructions.", "session.prompt")
        : settings.HasVoiceId ? new ApiError(
            ErrorKind.NotKept, "The voice must be a name: one by its id belongs to the provider's account.", "session.audio.output.voice")
        : settings.Model is { } model && _services.Catalog.Current?.FindModel(model)?.Id != _responses!.Model.Id ? new ApiError(
            ErrorKind.InvalidRequest, $"The session's model is '{_modelName}' and cannot be changed. Begin another session.", "session.model", "cannot_update_model")
        : null;

    /// <summary>Sells the transcription of what is heard, which is another model's.</summary>
    private async ValueTask<ApiError?> TranscribeAsync(string name)
    {
        var catalog = _services.Catalog.Current;
        var model = catalog?.FindModel(name);
        if (model is null || model.IsRealtime || catalog!.PriceFor(model, _services.Time.GetUtcNow()) is not { } price
            || Refusals.NotSold(new RealtimeFacts(name, ChargedBy.Hearing), model, price) is not null || UpstreamOf(model) is null)
        {
            return new ApiError(
                ErrorKind.InvalidRequest,
                $"The model '{name}' does not transcribe sessions here. Name another, or none.",
                "session.audio.input.transcription.model",
                "model_not_found");
        }

        if (_transcriptions is not null && _transcriptions.Model.Id != model.Id)
        {
            return new ApiError(
                ErrorKind.InvalidRequest,
                "The model that transcribes cannot be changed. Begin another session.",
                "session.audio.input.transcription.model",
                "cannot_update_model");
        }

        // It begins once the provider says that it does.
        _transcriptionName = name;
        _transcriptions ??= new RealtimeLine(_services, _caller, model, ChargedBy.Hearing, this) { Channel = _route!.Channel.Name };
        return await _transcriptions.EnsureAsync(1, TranscriptionNeed);
    }

    /// <summary>What a model is called by the session's provider; null where the channel does not have it.</summary>
    private string? UpstreamOf(Model model)
    {
        foreach (var (own, upstream) in _route!.Channel.Models)
        {
            if (own == model.Id)
            {
                return upstream;
            }
        }

        return null;
    }

    private long MaxOutputOf(in RealtimeSettings settings) =>
        Math.Min(settings.MaxOutputTokens ?? _responses!.Model.MaxOutputTokens, _responses!.Model.MaxOutputTokens);

    private RealtimeNeed NeedOf(long outputTokens)
    {
        var inputTokens = _conversation.TokensMax;
        foreach (var ask in _asked)
        {
            outputTokens = Math.Max(outputTokens, ask.OutputTokensMax);

            // An item may be referred to any number of times.
            inputTokens = ask.RefersToItems ? _responses!.Model.ContextWindow : inputTokens;
        }

        return new RealtimeNeed(inputTokens, outputTokens, _conversation.Estimated.TotalInput);
    }

    /// <summary>How many responses may begin: those that were asked for, or one by itself. Only one runs at a time.</summary>
    private int ReadyNeeded => Math.Max(_asked.Count, _beginsByItself && _responses!.Running == 0 ? 1 : 0);

    private ValueTask<ApiError?> EnsureAsync() => _responses!.EnsureAsync(ReadyNeeded, Need);

    /// <summary>From the provider to the client.</summary>
    private async Task DownAsync()
    {
        using var written = new PooledBytes(1024);
        while (true)
        {
            // The first event has been read already.
            written.Clear();
            if (!RealtimeEvent.TryRead(_provider!.Event.Span, out var told))
            {
                Stop(new End(AttemptEnd.Unreadable.Error, Failed, RequestStatus.ProviderError));
                return;
            }

            if (await TakeFromProviderAsync(told, written))
            {
                _limits.KeepAliveIn(_services.Options.WriteTimeoutMs);
                if (!await _client.SendAsync(written.Length > 0 ? written.Memory : _provider.Event, _clientGone.Token))
                {
                    Stop(End.ClientGone);
                }

                _limits.NoKeepAlive();
            }

            if (IsEnding && IsQuiet)
            {
                _quiet.TrySetResult();
                return;
            }

            try
            {
                if (await _provider.ReadAsync(_providerOver.Token) != RealtimeRead.Event)
                {
                    Stop(new End(AttemptEnd.BrokenOff.Error, Failed, RequestStatus.ProviderError));
                    return;
                }
            }
            catch (Exception exception) when (RealtimeSocket.IsGone(exception))
            {
                Stop(new End(AttemptEnd.BrokenOff.Error, Failed, RequestStatus.ProviderError));
                return;
            }
        }
    }

    private bool IsQuiet => _responses!.Running == 0 && _transcriptions is not { Running: > 0 };

    /// <summary>Looks at a provider's event, and meters and settles by it.</summary>
    /// <param name="written">Gets what is passed on in its place, where that differs.</param>
    /// <returns>Whether it is passed on.</returns>
    private async ValueTask<bool> TakeFromProviderAsync(RealtimeEvent told, PooledBytes written)
    {
        await _gate.WaitAsync();
        try
        {
            switch (told.Kind)
            {
                case RealtimeKind.RateLimits:
                    return false;
                case RealtimeKind.SessionCreated or RealtimeKind.SessionUpdated:
                    return await ConfigureAsync(told, written);
                case RealtimeKind.ResponseCreated:
                    return await BeganAsync(told);
                case RealtimeKind.TextDelta or RealtimeKind.AudioDelta:
                    return await MeterAsync(told);
                case RealtimeKind.ResponseDone:
                    return await DoneAsync(told);
                case RealtimeKind.SpeechStarted or RealtimeKind.SpeechStopped:
                    _conversation.Detected(told);
                    return true;
                case RealtimeKind.Committed:
                    await CommittedAsync(Encoding.UTF8.GetString(IdOf(told.ItemId)));
                    return true;
                case RealtimeKind.TranscriptionDelta:
                    return _transcriptions?.Find(IdOf(told.ItemId)) is not null;
                case RealtimeKind.TranscriptionCompleted or RealtimeKind.TranscriptionFailed:
                    return await TranscribedAsync(told);
                case RealtimeKind.Error:
                    return await FailedAsync(told.ErrorEventId, written);
                default:
                    // The parts of a response have its text again: only of one that is paid for they are passed on.
                    return !IsEnding && (told.ResponseId.Equals(default) || _responses!.Find(IdOf(told.ResponseId)) is not null);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    private ReadOnlySpan<byte> IdOf(Range range) => RealtimeEvent.Unescaped(_provider!.Event.Span, range);

    /// <summary>The provider says how the session is set.</summary>
    private async ValueTask<bool> ConfigureAsync(RealtimeEvent told, PooledBytes written)
    {
        var settings = told.Settings;
        _conversation.Set(settings, _provider!.Event.Length);
        _outputTokensMax = settings.HasMaxOutput ? MaxOutputOf(settings) : _outputTokensMax;
        _beginsByItself = settings.TurnDetection == TurnDetection.Unsaid ? _beginsByItself : settings.TurnDetection == TurnDetection.On;
        if (_transcriptions is not null && settings.HasTranscription)
        {
            _transcribes = settings.TranscriptionModel is not null;
            await _transcriptions.ReleaseAsync(keep: _transcribes ? 1 : 0);
            if (_transcribes && await _transcriptions.EnsureAsync(1, TranscriptionNeed) is { } noMoneyToHear)
            {
                Stop(EndOf(noMoneyToHear));
            }
        }

        if (told.Kind == RealtimeKind.SessionCreated && !_ownSettings.IsEmpty)
        {
            // The client gets to see the session once it is set as the secret says.
            using var update = new PooledBytes(1024);
            if (await OwnSettingsAsync(update) is { } refused)
            {
                Stop(EndOf(refused));
                return false;
            }

            await _provider.SendAsync(update.Memory, _providerOver.Token);
            return false;
        }

        var isFirst = !_isConfigured;
        _isConfigured = true;
        if (await EnsureAsync() is { } noMoney)
        {
            Stop(EndOf(noMoney));
        }

        await _responses!.ReleaseAsync(ReadyNeeded);
        told.Write(written, _provider.Event.Span, _modelName, _transcriptionName, isFirst ? "session.created" : null);
        return true;
    }

    private async ValueTask<ApiError?> OwnSettingsAsync(PooledBytes update)
    {
        using var own = new PooledBytes(1024);
        RealtimeEvents.WriteUpdate(own, _ownSettings.Span);
        _ownSettings = default;
        RealtimeEvent.TryRead(own.Span, out var sent);
        var settings = sent.Settings;
        _conversation.Wish(settings);
        if ((RefusedOf(settings) ?? (settings.TranscriptionModel is { } name ? await TranscribeAsync(name) : null)) is { } refused)
        {
            return refused;
        }

        sent.Write(update, own.Span, _route!.UpstreamModel, settings.TranscriptionModel is null ? null : UpstreamOf(_transcriptions!.Model));
        return null;
    }

    private async ValueTask<bool> BeganAsync(RealtimeEvent told)
    {
        var id = Encoding.UTF8.GetString(IdOf(told.ResponseId));
        var need = Need;
        need = told.Settings.HasMaxOutput ? need with { OutputTokens = Math.Max(need.OutputTokens, MaxOutputOf(told.Settings)) } : need;
        if (_asked.Count > 0)
        {
            _asked.RemoveAt(0);
        }

        if (await _responses!.EnsureAsync(1, need) is { } noMoney)
        {
            // Nobody pays for it.
            Stop(EndOf(noMoney));
            await CancelResponseAsync(id);
            return false;
        }

        _responses.Begin(id, need, _conversation.Estimated);
        return true;
    }

    private async ValueTask<bool> MeterAsync(RealtimeEvent told)
    {
        if (_responses!.Find(IdOf(told.ResponseId)) is not { } call)
        {
            return false;
        }

        if (told.Kind == RealtimeKind.AudioDelta)
        {
            call.AddAudio(_conversation.Spoken(_provider!.Event.Span[told.Delta].Length));
        }
        else
        {
            call.AddText(_provider!.Event.Span[told.Delta]);
        }

        switch (await _responses.CoverAsync(call))
        {
            case HoldState.Covered:
                call.ClientGotOutput = true;
                return true;
            case HoldState.Exhausted:
                Stop(EndOf(RealtimeLine.OutOfFunds));
                return false;
            default:
                return false;
        }
    }

    /// <summary>A response is over: it is settled before its client gets to know.</summary>
    private async ValueTask<bool> DoneAsync(RealtimeEvent told)
    {
        if (_responses!.Find(IdOf(told.ResponseId)) is not { } call)
        {
            return false;
        }

        // One that failed without any output, and tells no usage, has used nothing.
        var used = told.Usage ?? (call.HasOutput ? call.Estimated : null);
        _conversation.Said(used ?? default);
        _served++;
        var end = _ending.Task.IsCompletedSuccessfully ? _ending.Task.Result.Status : told.Status == "failed" ? RequestStatus.ProviderError : RequestStatus.Completed;
        var settled = await _responses.SettleAsync(call, used, end);
        LogResponse(
            _services.Logger, call.Hold.HoldId, _requestId, _caller.Key.AccountId, _caller.Key.KeyId, _responses.Model.Id, _responses.Channel,
            end, used?.TotalInput ?? 0, used?.TotalOutput ?? 0, Grains.Contracts.Money.FormatUsd(settled.ChargedNanos), call.ElapsedMs);
        if (!settled.IsCommitted)
        {
            Stop(new End(Refusals.NotSettled(call.ClientGotOutput), Failed, RequestStatus.Stopped));
            return false;
        }

        if (_isDraining && _responses.Running == 0)
        {
            Stop(End.GatewayStops);
        }
        else if (!IsEnding && await EnsureAsync() is { } noMoney)
        {
            Stop(EndOf(noMoney));
        }

        return true;
    }

    private async ValueTask CommittedAsync(string itemId)
    {
        if (!_transcribes)
        {
            _conversation.Committed(isTranscribed: false);
            return;
        }

        var need = TranscriptionNeed;
        var (tokens, isKnown) = _conversation.Committed(isTranscribed: true);
        var heard = new TokenUsage { AudioInput = tokens, Seconds = Math.Max(1, (tokens + TokensPerHeardSecond - 1) / TokensPerHeardSecond), Searches = 0 };
        if (_transcriptions!.Begin(itemId, need, heard) is { } call)
        {
            call.IsOfUnknownLength = !isKnown;
        }

        if (!IsEnding && await _transcriptions.EnsureAsync(1, TranscriptionNeed) is { } noMoney)
        {
            Stop(EndOf(noMoney));
        }
    }

    private async ValueTask<bool> TranscribedAsync(RealtimeEvent told)
    {
        var isFailed = told.Kind == RealtimeKind.TranscriptionFailed;
        if (_transcriptions?.Find(IdOf(told.ItemId)) is not { } call)
        {
            // Nobody pays for its text.
            return isFailed;
        }

        TokenUsage? used = told.Usage is { } reported ? WithWhatIsSold(reported, call) : isFailed ? null : call.Estimated;
        if (call.IsOfUnknownLength && used is { } heard)
        {
            // Of seconds the last one may have only begun.
            _conversation.Transcribed(heard.AudioInput > 0 ? heard.AudioInput : Math.Max(0, heard.Seconds - 1) * TokensPerHeardSecond);
        }

        var settled = await _transcriptions.SettleAsync(call, used, isFailed ? RequestStatus.ProviderError : RequestStatus.Completed);
        if (!settled.IsCommitted)
        {
            Stop(new End(Refusals.NotSettled(clientGotOutput: false), Failed, RequestStatus.Stopped));
        }

        return settled.IsCommitted;
    }

    /// <summary>What a transcription used: a provider reports seconds or tokens, and a model may be sold by the other.</summary>
    private static TokenUsage WithWhatIsSold(TokenUsage used, RealtimeCall call)
    {
        var (sold, estimated) = (call.Bound.Price.Sold, call.Estimated);
        if (used.Seconds == 0 && sold.Contains(Unit.Seconds))
        {
            used = used with { Seconds = estimated.Seconds, IsEstimated = true };
        }

        if (used.TotalInput + used.TotalOutput == 0 && (sold.Contains(Unit.AudioInput) || !sold.Contains(Unit.Seconds)))
        {
            used = used with { AudioInput = estimated.AudioInput, IsEstimated = true };
        }

        return used;
    }

    /// <summary>The provider refuses an event, or fails: in our own words, so that nothing of its account shows.</summary>
    private async ValueTask<bool> FailedAsync(string? about, PooledBytes written)
    {
        // An error that names no event may be about a wish, while nothing runs: a response that begins all the same is held for then.
        var wish = about is null && _responses!.Running == 0 ? 0 : _asked.FindIndex(ask => ask.Id == about);
        if (wish >= 0 && wish < _asked.Count)
        {
            _asked.RemoveAt(wish);
            await _responses!.ReleaseAsync(ReadyNeeded);
        }

        var error = ProviderErrors.Of(Dialects.OpenAI.OpenAIDialect.ReadErrorOf(_route!.Channel, 200, _provider!.Event.Span));
        if (!_isConfigured)
        {
            // The session cannot be set as its client secret says.
            Stop(EndOf(error));
            return false;
        }

        RealtimeEvents.WriteError(written, _front.Convert(error), NewEventId(), about?.StartsWith("og_", StringComparison.Ordinal) == true ? null : about);
        return true;
    }

    /// <summary>Ends what runs: the provider is told to stop, and says what it has used; if it does not, what came counts.</summary>
    private async Task EndResponsesAsync(Task down)
    {
        try
        {
            if (!IsQuiet && !down.IsCompleted)
            {
                foreach (var id in await RunningIdsAsync())
                {
                    await CancelResponseAsync(id);
                }

                await Task.WhenAny(_quiet.Task, down).WaitAsync(TimeSpan.FromMilliseconds(_services.Options.UsageTimeoutMs), _services.Time);
            }
        }
        catch (TimeoutException)
        {
            // It does not answer any more.
        }

        await _providerOver.CancelAsync();
        await down;
        await SettleRestAsync();
    }

    private async Task<List<string>> RunningIdsAsync()
    {
        await _gate.WaitAsync();
        try
        {
            return [.. _responses!.All.Select(static call => call.Id)];
        }
        finally
        {
            _gate.Release();
        }
    }

    private async ValueTask CancelResponseAsync(string id)
    {
        using var cancel = new PooledBytes(256);
        RealtimeEvents.WriteCancel(cancel, id);
        await _provider!.SendAsync(cancel.Memory, _providerOver.Token);
    }

    /// <summary>Settles what has not been: what ran by what came of it, what has not begun at nothing.</summary>
    private async Task SettleRestAsync()
    {
        await _gate.WaitAsync();
        try
        {
            await SettleRestAsync(_responses);
            await SettleRestAsync(_transcriptions);
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task SettleRestAsync(RealtimeLine? line)
    {
        if (line is null)
        {
            return;
        }

        var status = _ending.Task.IsCompletedSuccessfully ? (await _ending.Task).Status : RequestStatus.Stopped;
        foreach (var call in line.All.ToList())
        {
            // As of any stream: what its client got, or hung up on.
            var isCharged = call.HasOutput && (call.ClientGotOutput || status == RequestStatus.ClientGone);
            _served++;
            await line.SettleAsync(call, isCharged ? call.Estimated : null, status);
        }

        await line.ReleaseAsync();
    }

    /// <summary>Tells the client why the session ends.</summary>
    private async Task TellAsync()
    {
        var end = await _ending.Task;
        _limits.KeepAliveIn(_services.Options.WriteTimeoutMs);
        if (end.Error is { } error)
        {
            await SendErrorAsync(error, null);
        }

        var reason = end.Error is { } told ? $"{_front.Convert(told).Type}.{_front.Convert(told).Code}" : "";
        await _client.CloseAsync(end.Code, reason, _clientGone.Token);
        _limits.NoKeepAlive();
    }

    private async ValueTask SendErrorAsync(ApiError error, string? eventId)
    {
        using var written = new PooledBytes(512);
        RealtimeEvents.WriteError(written, _front.Convert(error), NewEventId(), eventId);
        await _client.SendAsync(written.Memory, _clientGone.Token);
    }

    private string NewEventId() => "event_" + Ids.NewKeyId(_services.Random);

    private void Stop(End end) => _ending.TrySetResult(end);

    /// <summary>How a session ends that is refused.</summary>
    private static End EndOf(in ApiError error) => new(
        error,
        error.Kind switch
        {
            ErrorKind.InvalidKey => KeyInvalid,
            ErrorKind.ModelNotFound => ModelNotFound,
            ErrorKind.Unavailable or ErrorKind.NoChannel => TryLater,
            _ when error.Code == "beta_api_shape_disabled" => BetaShape,
            _ when error.Status >= 500 => Failed,
            _ => Refused,
        },
        error.Kind is ErrorKind.OutOfFunds or ErrorKind.SpendCapReached ? RequestStatus.FundsExhausted : RequestStatus.Stopped);

    private static async Task CancelAsync(CancellationTokenSource source)
    {
        try
        {
            await source.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The session ended at the same moment.
        }
    }

    private void Log()
    {
        var end = _ending.Task.IsCompletedSuccessfully ? _ending.Task.Result : End.GatewayStops;
        LogSession(
            _services.Logger, _requestId, _caller.Key.AccountId, _caller.Key.KeyId, _responses?.Model.Id, _route?.Channel.Name, end.Code,
            end.Error?.Kind, _served, (long)_services.Time.GetElapsedTime(_startedAt).TotalMilliseconds);
    }

    [LoggerMessage(
        1400,
        LogLevel.Information,
        "{RequestId} realtime account={Account} key={Key} model={Model} channel={Channel} close={Close} error={Error} responses={Responses} ms={DurationMs}")]
    private static partial void LogSession(
        ILogger logger, string requestId, string? account, string? key, string? model, string? channel, int close, ErrorKind? error, int responses, long durationMs);

    [LoggerMessage(
        1401,
        LogLevel.Information,
        "{RequestId} realtime session={Session} account={Account} key={Key} model={Model} channel={Channel} outcome={Outcome} input={Input} output={Output} "
        + "usd={Usd} ms={DurationMs}")]
    private static partial void LogResponse(
        ILogger logger, string requestId, string session, string? account, string? key, string? model, string? channel, RequestStatus outcome,
        long input, long output, string usd, long durationMs);

    [LoggerMessage(1402, LogLevel.Error, "{RequestId} failed")]
    private static partial void LogBug(ILogger logger, string requestId, Exception exception);

    /// <summary>A response that was asked for and has not begun.</summary>
    /// <param name="Id">Of the event that asks for it.</param>
    /// <param name="OutputTokensMax">The most that it may say.</param>
    /// <param name="RefersToItems">Whether its input refers to items of the conversation.</param>
    private readonly record struct Ask(string Id, long OutputTokensMax, bool RefersToItems);

    /// <summary>How a session ends.</summary>
    /// <param name="Error">What its client is told; null for nothing.</param>
    /// <param name="Code">The close code.</param>
    /// <param name="Status">What becomes of a response that runs.</param>
    private sealed record End(ApiError? Error, int Code, RequestStatus Status)
    {
        public static End ClientGone { get; } = new(null, 1000, RequestStatus.ClientGone);

        public static End GatewayStops { get; } = new(
            new ApiError(ErrorKind.Stopped, "The gateway is stopping. Please connect again."), Restart, RequestStatus.Stopped);
    }
}
