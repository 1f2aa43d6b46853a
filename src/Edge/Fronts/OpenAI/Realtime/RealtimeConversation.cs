using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI.Realtime;

namespace OrleansGateway.Edge.Fronts.OpenAI.Realtime;

/// <summary>
/// How long a session's conversation is: every response is charged for all of it. What was sent and said only adds up here, though the
/// provider may cut, and a client delete: a bound may be too high.
/// </summary>
internal sealed class RealtimeConversation(Model model)
{
    /// <summary>Of PCM of 24 kHz in base64, what a token of heard sound has, and one of spoken sound: 100 ms and 50 ms.</summary>
    private const int HeardChars = 6400;
    private const int SpokenChars = 3200;

    /// <summary>The same of G.711, which has a sixth of the bytes.</summary>
    private const int NarrowHeardChars = 1066;
    private const int NarrowSpokenChars = 533;

    private const int MsPerToken = 100;

    private const int BytesPerTextToken = 4;

    /// <summary>What a provider's template puts around a conversation, and around an item that it makes by itself.</summary>
    private const int FrameTokens = 64;

    private readonly long _imageTokens = model.ImageTokens;
    private long _textBytes = FrameTokens;
    private long _heardTokens;
    private long _heardChars;
    private long _images;
    private long _saidTokens;
    private long _settingsBytes;
    private long _unhearedFrom;
    private readonly Queue<long> _commits = new();
    private long? _speechFromMs;
    private long? _speechToMs;
    private bool _isNarrow;
    private TokenUsage _told;
    private (long Text, long Heard, long Images) _toldAt;

    /// <summary>The most that the conversation can be, tokens.</summary>
    public long TokensMax => Math.Min(_settingsBytes + _textBytes + _heardTokens + (_images * _imageTokens) + _saidTokens, model.ContextWindow);

    /// <summary>Heard and not known to belong to a turn that was committed, tokens at the most; a tenth of a second each.</summary>
    public long UncommittedTokens => _heardTokens - _unhearedFrom;

    /// <summary>What it likely is.</summary>
    public TokenUsage Estimated => _told with
    {
        UncachedInput = Math.Min(_told.UncachedInput + ((_textBytes - _toldAt.Text + (_told == default ? _settingsBytes : 0)) / BytesPerTextToken), model.ContextWindow),
        AudioInput = Math.Min(_told.AudioInput + _heardTokens - _toldAt.Heard, model.ContextWindow),
        ImageInput = Math.Min(_told.ImageInput + ((_images - _toldAt.Images) * (_imageTokens < model.ContextWindow ? _imageTokens : 0)), model.ContextWindow),
        IsEstimated = true,
    };

    /// <summary>Adds what a client has sent.</summary>
    public void Add(in RealtimeEvent sent)
    {
        // Of an event that only brings sound nothing else reaches the model.
        _textBytes += sent.Kind == RealtimeKind.Append ? 0 : sent.TextBytes;
        _images += sent.Images;
        _heardChars += sent.AudioChars;
        var chars = _isNarrow ? NarrowHeardChars : HeardChars;
        _heardTokens += _heardChars / chars;
        _heardChars %= chars;
        if (sent.Kind == RealtimeKind.Commit)
        {
            _commits.Enqueue(_heardTokens);
        }
    }

    /// <summary>Takes note of where speech was detected.</summary>
    public void Detected(in RealtimeEvent told)
    {
        (_speechFromMs, _speechToMs) = told.Kind == RealtimeKind.SpeechStarted ? (told.AudioMs, null) : (_speechFromMs, told.AudioMs);
    }

    /// <summary>What was said is a turn. What has been sent since belongs to the next one, as far as it is known where the turn ends.</summary>
    /// <param name="isTranscribed">Whether its transcription will tell how long it was.</param>
    /// <returns>How long the turn is, tokens at the most, and whether that is known.</returns>
    public (long Tokens, bool IsKnown) Committed(bool isTranscribed)
    {
        _textBytes += FrameTokens;
        var turn = (Tokens: UncommittedTokens, IsKnown: false);
        if (_speechFromMs is { } from && _speechToMs is { } to && to >= from)
        {
            turn = (Math.Min((to - from + MsPerToken - 1) / MsPerToken, UncommittedTokens), true);
            _unhearedFrom = Math.Clamp(to / MsPerToken, _unhearedFrom, _heardTokens);
        }
        else if (NextCommit() is { } committed)
        {
            turn = (committed - _unhearedFrom, true);
            _unhearedFrom = committed;
        }
        else if (!isTranscribed)
        {
            _unhearedFrom = _heardTokens;
        }

        (_speechFromMs, _speechToMs) = (null, null);
        return turn;
    }

    /// <summary>Where a client committed what it had sent. A provider refuses to commit nothing.</summary>
    private long? NextCommit()
    {
        while (_commits.TryDequeue(out var at))
        {
            if (at > _unhearedFrom)
            {
                return at;
            }
        }

        return null;
    }

    /// <summary>A transcription has told how long a turn was of which that was not known.</summary>
    public void Transcribed(long tokens) => _unhearedFrom = Math.Min(_unhearedFrom + tokens, _heardTokens);

    /// <summary>Takes note of the session's settings; instructions and tools are part of every input.</summary>
    /// <param name="bytes">Of the whole event that tells them.</param>
    public void Set(in RealtimeSettings settings, long bytes)
    {
        _settingsBytes = Math.Max(_settingsBytes, bytes);
        Wish(settings);
    }

    /// <summary>Takes note of what a client asks for: sound may come in that format before the provider says so.</summary>
    public void Wish(in RealtimeSettings settings) => _isNarrow |= settings.IsNarrow;

    /// <summary>What spoken sound counts, tokens, begun ones included.</summary>
    /// <param name="chars">Characters of base64.</param>
    public long Spoken(long chars) => (chars / (_isNarrow ? NarrowSpokenChars : SpokenChars)) + 1;

    /// <summary>Takes note of what a response has said, and of what it was charged for.</summary>
    /// <param name="used">By the provider's report, or an estimate.</param>
    public void Said(in TokenUsage used)
    {
        _saidTokens += used.TotalOutput;
        if (used.IsEstimated)
        {
            return;
        }

        _toldAt = (_textBytes, _heardTokens, _images);
        _told = new TokenUsage
        {
            UncachedInput = used.UncachedInput + used.CacheRead + used.Output,
            AudioInput = used.AudioInput + used.CacheReadAudio + used.AudioOutput,
            ImageInput = used.ImageInput + used.CacheReadImage,
            Searches = 0,
        };
    }
}
