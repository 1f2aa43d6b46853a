using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Realtime;

/// <summary>The events of a Realtime session that bear on money or on the session itself.</summary>
public enum RealtimeKind
{
    /// <summary>Any other.</summary>
    Other,

    /// <summary><c>session.update</c> of a client.</summary>
    SessionUpdate,

    /// <summary><c>input_audio_buffer.append</c> of a client.</summary>
    Append,

    /// <summary><c>input_audio_buffer.commit</c> of a client.</summary>
    Commit,

    /// <summary><c>response.create</c> of a client.</summary>
    ResponseCreate,

    /// <summary><c>transcription_session.update</c> of a client.</summary>
    TranscriptionSessionUpdate,

    /// <summary><c>session.created</c> of a server.</summary>
    SessionCreated,

    /// <summary><c>session.updated</c> of a server.</summary>
    SessionUpdated,

    /// <summary><c>response.created</c> of a server.</summary>
    ResponseCreated,

    /// <summary>A part of a response's text, transcript or arguments.</summary>
    TextDelta,

    /// <summary>A part of a response's sound.</summary>
    AudioDelta,

    /// <summary><c>response.done</c> of a server.</summary>
    ResponseDone,

    /// <summary><c>input_audio_buffer.speech_started</c> of a server.</summary>
    SpeechStarted,

    /// <summary><c>input_audio_buffer.speech_stopped</c> of a server.</summary>
    SpeechStopped,

    /// <summary><c>input_audio_buffer.committed</c> of a server.</summary>
    Committed,

    /// <summary>A part of a transcription of what was heard.</summary>
    TranscriptionDelta,

    /// <summary>The end of a transcription of what was heard.</summary>
    TranscriptionCompleted,

    /// <summary>A transcription failed.</summary>
    TranscriptionFailed,

    /// <summary><c>rate_limits.updated</c> of a server: of its own account.</summary>
    RateLimits,

    /// <summary><c>error</c> of a server.</summary>
    Error,
}

/// <summary>Whether responses begin by themselves when the user stops speaking.</summary>
public enum TurnDetection
{
    /// <summary>Nothing is said of it.</summary>
    Unsaid,

    /// <summary>They do not.</summary>
    Off,

    /// <summary>They do.</summary>
    On,
}

/// <summary>What an event says of a session or of a response.</summary>
public struct RealtimeSettings
{
    /// <summary>The session's type; null where none is said.</summary>
    public string? Type { get; internal set; }

    /// <summary>The model; null where none is said.</summary>
    public string? Model { get; internal set; }

    /// <summary>Whether an output limit is said, or that there is none.</summary>
    public bool HasMaxOutput { get; internal set; }

    /// <summary>The output limit, tokens; null where there is none.</summary>
    public long? MaxOutputTokens { get; internal set; }

    /// <summary>The type of the first tool that is not the client's own function; null where there is none.</summary>
    public string? ForeignTool { get; internal set; }

    /// <summary>Whether it names a prompt that the provider keeps.</summary>
    public bool HasPrompt { get; internal set; }

    /// <summary>Whether it names a voice by its id, which belongs to the provider's account.</summary>
    public bool HasVoiceId { get; internal set; }

    /// <summary>Whether responses begin by themselves.</summary>
    public TurnDetection TurnDetection { get; internal set; }

    /// <summary>Whether it says whether what is heard is transcribed.</summary>
    public bool HasTranscription { get; internal set; }

    /// <summary>The model that transcribes what is heard; null where none does.</summary>
    public string? TranscriptionModel { get; internal set; }

    /// <summary>Whether it names a format of sound other than PCM, of which a second has fewer bytes.</summary>
    public bool IsNarrow { get; internal set; }

    internal JsonMember ModelAt { get; set; }

    internal JsonMember TranscriptionModelAt { get; set; }

    internal JsonMember ClientSecretAt { get; set; }
}

/// <summary>
/// An event of a Realtime session, read in one pass. Source: <c>openai/openai-node</c>, <c>resources/realtime/realtime.ts</c>; the names of the
/// earlier beta are read as well.
/// </summary>
public struct RealtimeEvent
{
    private const int DepthMax = 64;

    /// <summary>Source: OpenAI's limit for <c>event_id</c>.</summary>
    private const int EventIdLengthMax = 512;

    private JsonMember _type;
    private bool _isInvalid;
    private bool _hasSession;
    private bool _hasResponse;

    /// <summary>What it is.</summary>
    public RealtimeKind Kind { get; private set; }

    /// <summary>The event's own id; null where it has none.</summary>
    public string? EventId { get; private set; }

    /// <summary>Where the id of the response stands that it is about; empty where there is none.</summary>
    public Range ResponseId { get; private set; }

    /// <summary>Where the id of the item stands that it is about; empty where there is none.</summary>
    public Range ItemId { get; private set; }

    /// <summary>Where in the text stands what has come, without its quotes.</summary>
    public Range Delta { get; private set; }

    /// <summary>The status of a response that is done.</summary>
    public string? Status { get; private set; }

    /// <summary>The id of the client's event that an error is about; null where it names none.</summary>
    public string? ErrorEventId { get; private set; }

    /// <summary>What it says of the session, or of the response that is to be made.</summary>
    public RealtimeSettings Settings { get; private set; }

    /// <summary>Where detected speech starts or stops, ms of all the sound that was sent; null where it does not say.</summary>
    public long? AudioMs { get; private set; }

    /// <summary>Whether it refers to items of the conversation: how long those are is not in its text.</summary>
    public bool RefersToItems { get; private set; }

    /// <summary>Characters of base64 of sound.</summary>
    public long AudioChars { get; private set; }

    /// <summary>Pictures.</summary>
    public int Images { get; private set; }

    /// <summary>Everything but sound and pictures, bytes: no model makes more tokens of text of it.</summary>
    public long TextBytes { get; private set; }

    /// <summary>What a response or a transcription used; null where it does not say.</summary>
    public TokenUsage? Usage { get; private set; }

    /// <summary>Reads an event.</summary>
    /// <param name="json">The whole text of a frame.</param>
    /// <param name="read">The event, when true is returned.</param>
    /// <returns>False when it is none: not JSON, no object, without a type, or with two of what there may be one of.</returns>
    public static bool TryRead(ReadOnlySpan<byte> json, out RealtimeEvent read)
    {
        read = default;
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DepthMax });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            read.ReadTop(ref reader);
            while (reader.Read())
            {
                // Only blanks may follow.
            }

            read.TextBytes = json.Length - read.TextBytes;
            return !read._isInvalid && read._type.IsPresent;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The latter for text that is no UTF-8.
            return false;
        }
    }

    /// <summary>The event with other names of models, without what belongs to the provider's own account, and under another type.</summary>
    /// <param name="json">The text that it was read from.</param>
    /// <param name="model">The model's name in it; null leaves what is there.</param>
    /// <param name="transcriptionModel">The name of the model that transcribes; null leaves what is there.</param>
    /// <param name="type">Its type; null leaves what is there.</param>
    public readonly void Write(System.Buffers.IBufferWriter<byte> writer, ReadOnlySpan<byte> json, string? model, string? transcriptionModel, string? type = null)
    {
        var splices = default(JsonSplices);
        Replace(Settings.ModelAt, model);
        Replace(Settings.TranscriptionModelAt, transcriptionModel);
        Replace(_type, type);
        if (Settings.ClientSecretAt.IsPresent)
        {
            splices.ReplaceValue(Settings.ClientSecretAt, JsonBytes.Null);
        }

        splices.Write(json, writer);

        void Replace(JsonMember member, string? value)
        {
            if (value is not null && member.IsPresent)
            {
                splices.ReplaceValue(member, JsonBytes.Quote(value));
            }
        }
    }

    private void ReadTop(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var start = (int)reader.TokenStartIndex;
            if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                _isInvalid |= _type.IsPresent || reader.TokenType != JsonTokenType.String;
                Kind = KindOf(ref reader);
                _type = MemberAt(ref reader, start);
            }
            else if (reader.ValueTextEquals("event_id"u8))
            {
                reader.Read();
                EventId = reader.TokenType == JsonTokenType.String && reader.GetString() is { Length: > 0 } id ? id : null;
                _isInvalid |= EventId?.Length > EventIdLengthMax;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("response_id"u8))
            {
                ResponseId = Id(ref reader);
            }
            else if (reader.ValueTextEquals("item_id"u8))
            {
                ItemId = Id(ref reader);
            }
            else if (reader.ValueTextEquals("audio_start_ms"u8) || reader.ValueTextEquals("audio_end_ms"u8))
            {
                reader.Read();
                AudioMs = reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var ms) && ms >= 0 ? ms : null;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("delta"u8))
            {
                Delta = Text(ref reader);
            }
            else if (reader.ValueTextEquals("session"u8))
            {
                reader.Read();
                _isInvalid |= _hasSession;
                _hasSession = true;
                ReadSettings(ref reader, isSession: true);
            }
            else if (reader.ValueTextEquals("response"u8))
            {
                reader.Read();
                _isInvalid |= _hasResponse;
                _hasResponse = true;
                ReadSettings(ref reader, isSession: false);
            }
            else if (reader.ValueTextEquals("usage"u8))
            {
                reader.Read();
                Usage = RealtimeUsage.Read(ref reader);
            }
            else if (reader.ValueTextEquals("error"u8))
            {
                reader.Read();
                ReadError(ref reader);
            }
            else
            {
                ReadMember(ref reader);
            }
        }
    }

    private void ReadSettings(ref Utf8JsonReader reader, bool isSession)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            _isInvalid |= reader.TokenType != JsonTokenType.Null;
            reader.Skip();
            return;
        }

        var settings = Settings;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var start = (int)reader.TokenStartIndex;
            if (reader.ValueTextEquals("model"u8))
            {
                reader.Read();
                _isInvalid |= settings.ModelAt.IsPresent;
                settings.Model = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                settings.ModelAt = MemberAt(ref reader, start);
            }
            else if (isSession && reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                settings.Type = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("max_output_tokens"u8) || reader.ValueTextEquals("max_response_output_tokens"u8))
            {
                reader.Read();
                ReadMaxOutput(ref reader, ref settings);
            }
            else if (reader.ValueTextEquals("tools"u8))
            {
                reader.Read();
                ReadTools(ref reader, ref settings);
            }
            else if (reader.ValueTextEquals("prompt"u8))
            {
                reader.Read();
                settings.HasPrompt |= reader.TokenType != JsonTokenType.Null;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("voice"u8))
            {
                reader.Read();
                settings.HasVoiceId |= reader.TokenType == JsonTokenType.StartObject;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("audio"u8))
            {
                reader.Read();
                ReadAudio(ref reader, ref settings);
            }
            else if (isSession && ReadInputSetting(ref reader, ref settings))
            {
                // It is read: the beta has it here.
            }
            else if (reader.ValueTextEquals("input_audio_format"u8) || reader.ValueTextEquals("output_audio_format"u8))
            {
                reader.Read();
                settings.IsNarrow |= reader.TokenType == JsonTokenType.String && !reader.ValueTextEquals("pcm16"u8);
                reader.Skip();
            }
            else if (isSession && reader.ValueTextEquals("client_secret"u8))
            {
                reader.Read();
                settings.ClientSecretAt = MemberAt(ref reader, start);
            }
            else if (!isSession && reader.ValueTextEquals("id"u8))
            {
                ResponseId = Id(ref reader);
            }
            else if (!isSession && reader.ValueTextEquals("status"u8))
            {
                reader.Read();
                Status = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                reader.Skip();
            }
            else if (!isSession && reader.ValueTextEquals("usage"u8))
            {
                reader.Read();
                Usage = RealtimeUsage.Read(ref reader);
            }
            else
            {
                ReadMember(ref reader);
            }
        }

        Settings = settings;
    }

    /// <summary>Reads <c>turn_detection</c> and <c>transcription</c>, under either of its names.</summary>
    /// <returns>False when the reader stands on another name.</returns>
    private bool ReadInputSetting(ref Utf8JsonReader reader, ref RealtimeSettings settings)
    {
        if (reader.ValueTextEquals("turn_detection"u8))
        {
            reader.Read();
            settings.TurnDetection = ReadTurnDetection(ref reader);
            return true;
        }

        if (!reader.ValueTextEquals("transcription"u8) && !reader.ValueTextEquals("input_audio_transcription"u8))
        {
            return false;
        }

        reader.Read();
        _isInvalid |= settings.HasTranscription;
        settings.HasTranscription = true;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return true;
        }

        // One that names no model takes the provider's own choice, which nobody here knows.
        settings.TranscriptionModel = "";
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (start, isModel) = ((int)reader.TokenStartIndex, reader.ValueTextEquals("model"u8));
            reader.Read();
            if (isModel && reader.TokenType == JsonTokenType.String)
            {
                settings.TranscriptionModel = reader.GetString();
                settings.TranscriptionModelAt = MemberAt(ref reader, start);
                continue;
            }

            reader.Skip();
        }

        return true;
    }

    private static TurnDetection ReadTurnDetection(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return TurnDetection.Off;
        }

        var (creates, hasTimeout) = (true, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isCreate, isTimeout) = (reader.ValueTextEquals("create_response"u8), reader.ValueTextEquals("idle_timeout_ms"u8));
            reader.Read();
            creates = isCreate ? reader.TokenType != JsonTokenType.False : creates;
            hasTimeout |= isTimeout && reader.TokenType == JsonTokenType.Number;
            reader.Skip();
        }

        return creates || hasTimeout ? TurnDetection.On : TurnDetection.Off;
    }

    /// <summary>Of two limits, under either name, nobody knows which one a provider keeps to: the larger counts.</summary>
    private static void ReadMaxOutput(ref Utf8JsonReader reader, ref RealtimeSettings settings)
    {
        var limit = reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var tokens) && tokens > 0 ? tokens : (long?)null;
        settings.MaxOutputTokens = settings.HasMaxOutput && !(limit > settings.MaxOutputTokens) && limit is not null ? settings.MaxOutputTokens : limit;
        settings.HasMaxOutput = true;
        reader.Skip();
    }

    private static void ReadTools(ref Utf8JsonReader reader, ref RealtimeSettings settings)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }

            var isFunction = false;
            string? type = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isType = reader.ValueTextEquals("type"u8);
                reader.Read();
                if (isType)
                {
                    type = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                    isFunction = type == "function";
                }

                reader.Skip();
            }

            settings.ForeignTool ??= isFunction ? null : type ?? "unknown";
        }
    }

    private void ReadAudio(ref Utf8JsonReader reader, ref RealtimeSettings settings)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (ReadInputSetting(ref reader, ref settings))
                {
                    continue;
                }

                var (isFormat, isVoice) = (reader.ValueTextEquals("format"u8), reader.ValueTextEquals("voice"u8));
                reader.Read();
                settings.HasVoiceId |= isVoice && reader.TokenType == JsonTokenType.StartObject;
                if (isFormat)
                {
                    ReadFormat(ref reader, ref settings);
                }
                else
                {
                    reader.Skip();
                }
            }
        }
    }

    private static void ReadFormat(ref Utf8JsonReader reader, ref RealtimeSettings settings)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            settings.IsNarrow |= !reader.ValueTextEquals("pcm16"u8) && !reader.ValueTextEquals("audio/pcm"u8);
            return;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            reader.Read();
            settings.IsNarrow |= isType && reader.TokenType == JsonTokenType.String && !reader.ValueTextEquals("audio/pcm"u8);
            reader.Skip();
        }
    }

    private void ReadError(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isEventId = reader.ValueTextEquals("event_id"u8);
            reader.Read();
            ErrorEventId = isEventId && reader.TokenType == JsonTokenType.String ? reader.GetString() : ErrorEventId;
            reader.Skip();
        }
    }

    /// <summary>Passes over a member of whatever depth, and counts sound and pictures in it.</summary>
    private void ReadMember(ref Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth;
        do
        {
            if (reader.TokenType == JsonTokenType.PropertyName)
            {
                var (isAudio, isUrl, isType) = (reader.ValueTextEquals("audio"u8), reader.ValueTextEquals("image_url"u8), reader.ValueTextEquals("type"u8));
                reader.Read();
                if (reader.TokenType == JsonTokenType.String)
                {
                    Images += isType && reader.ValueTextEquals("input_image"u8) ? 1 : 0;
                    RefersToItems |= isType && reader.ValueTextEquals("item_reference"u8);
                    AudioChars += isAudio ? reader.ValueSpan.Length : 0;
                    TextBytes += isAudio || isUrl ? reader.ValueSpan.Length : 0;
                }
            }
        }
        while (reader.CurrentDepth > depth || reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray ? reader.Read() : false);
    }

    /// <summary>What stands at a place of an event that was read, without escapes.</summary>
    /// <param name="json">The text that it was read from.</param>
    /// <param name="at">Where, without the quotes.</param>
    public static ReadOnlySpan<byte> Unescaped(ReadOnlySpan<byte> json, Range at)
    {
        if (!json[at].Contains((byte)'\\'))
        {
            return json[at];
        }

        var reader = new Utf8JsonReader(json[(at.Start.Value - 1)..(at.End.Value + 1)]);
        reader.Read();
        return Encoding.UTF8.GetBytes(reader.GetString()!);
    }

    /// <summary>Where the id stands that follows; throws when its escapes are none.</summary>
    private static Range Id(ref Utf8JsonReader reader)
    {
        var ahead = reader;
        ahead.Read();
        if (ahead.TokenType == JsonTokenType.String && ahead.ValueIsEscaped)
        {
            _ = ahead.GetString();
        }

        return Text(ref reader);
    }

    /// <summary>Where the string stands that follows; empty where it is none.</summary>
    private static Range Text(ref Utf8JsonReader reader)
    {
        reader.Read();
        var start = (int)reader.TokenStartIndex + 1;
        var text = reader.TokenType == JsonTokenType.String ? start..(start + reader.ValueSpan.Length) : default;
        reader.Skip();
        return text;
    }

    private static JsonMember MemberAt(ref Utf8JsonReader reader, int nameStart)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return new JsonMember(nameStart, start, (int)reader.BytesConsumed);
    }

    private static RealtimeKind KindOf(ref Utf8JsonReader reader) =>
        reader.TokenType != JsonTokenType.String ? RealtimeKind.Other
        : reader.ValueTextEquals("response.output_audio.delta"u8) || reader.ValueTextEquals("response.audio.delta"u8) ? RealtimeKind.AudioDelta
        : reader.ValueTextEquals("response.output_text.delta"u8) || reader.ValueTextEquals("response.text.delta"u8)
            || reader.ValueTextEquals("response.output_audio_transcript.delta"u8) || reader.ValueTextEquals("response.audio_transcript.delta"u8)
            || reader.ValueTextEquals("response.function_call_arguments.delta"u8) ? RealtimeKind.TextDelta
        : reader.ValueTextEquals("input_audio_buffer.append"u8) ? RealtimeKind.Append
        : reader.ValueTextEquals("input_audio_buffer.commit"u8) ? RealtimeKind.Commit
        : reader.ValueTextEquals("response.create"u8) ? RealtimeKind.ResponseCreate
        : reader.ValueTextEquals("response.created"u8) ? RealtimeKind.ResponseCreated
        : reader.ValueTextEquals("response.done"u8) ? RealtimeKind.ResponseDone
        : reader.ValueTextEquals("session.update"u8) ? RealtimeKind.SessionUpdate
        : reader.ValueTextEquals("transcription_session.update"u8) ? RealtimeKind.TranscriptionSessionUpdate
        : reader.ValueTextEquals("session.created"u8) ? RealtimeKind.SessionCreated
        : reader.ValueTextEquals("session.updated"u8) ? RealtimeKind.SessionUpdated
        : reader.ValueTextEquals("input_audio_buffer.speech_started"u8) ? RealtimeKind.SpeechStarted
        : reader.ValueTextEquals("input_audio_buffer.speech_stopped"u8) ? RealtimeKind.SpeechStopped
        : reader.ValueTextEquals("input_audio_buffer.committed"u8) ? RealtimeKind.Committed
        : reader.ValueTextEquals("conversation.item.input_audio_transcription.delta"u8)
            || reader.ValueTextEquals("conversation.item.input_audio_transcription.segment"u8) ? RealtimeKind.TranscriptionDelta
        : reader.ValueTextEquals("conversation.item.input_audio_transcription.completed"u8) ? RealtimeKind.TranscriptionCompleted
        : reader.ValueTextEquals("conversation.item.input_audio_transcription.failed"u8) ? RealtimeKind.TranscriptionFailed
        : reader.ValueTextEquals("rate_limits.updated"u8) ? RealtimeKind.RateLimits
        : reader.ValueTextEquals("error"u8) ? RealtimeKind.Error
        : RealtimeKind.Other;
}
