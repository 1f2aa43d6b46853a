using System.Threading.Channels;
using Grpc.Core;

namespace OrleansGateway.Silo.Cli;

/// <summary>
/// Calls gRPC services of this process without a connection, so that what reads the database itself is called and answers as a running
/// service does.
/// </summary>
internal sealed class InProcessCalls : CallInvoker
{
    /// <summary>Rows of a stream that are kept for who reads them.</summary>
    private const int BufferRows = 100;

    private readonly Handlers _handlers = new();

    /// <param name="bind">Binds a service, as its generated code does.</param>
    public void Add(Action<ServiceBinderBase> bind) => bind(_handlers);

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var handler = (UnaryServerMethod<TRequest, TResponse>)_handlers.Find(method);
        return new AsyncUnaryCall<TResponse>(
            handler(request, new InProcessContext(method.FullName, options.CancellationToken)),
            Task.FromResult(new Metadata()),
            () => Status.DefaultSuccess,
            () => [],
            () => { });
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var handler = (ServerStreamingServerMethod<TRequest, TResponse>)_handlers.Find(method);
        var rows = Channel.CreateBounded<TResponse>(BufferRows);
        _ = FillAsync();
        return new AsyncServerStreamingCall<TResponse>(
            new Reader<TResponse>(rows.Reader), Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });

        async Task FillAsync()
        {
            try
            {
                await handler(request, new Writer<TResponse>(rows.Writer), new InProcessContext(method.FullName, options.CancellationToken));
                rows.Writer.Complete();
            }
            catch (Exception exception)
            {
                // Thrown again where the rows are read.
                rows.Writer.Complete(exception);
            }
        }
    }

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();

    /// <summary>The services' methods by their names.</summary>
    private sealed class Handlers : ServiceBinderBase
    {
        private readonly Dictionary<string, Delegate> _handlers = new(StringComparer.Ordinal);

        public Delegate Find(IMethod method) => _handlers[method.FullName];

        public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
            _handlers.Add(method.FullName, handler!);

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) =>
            _handlers.Add(method.FullName, handler!);
    }

    private sealed class Reader<T>(ChannelReader<T> rows) : IAsyncStreamReader<T>
    {
        public T Current { get; private set; } = default!;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (!await rows.WaitToReadAsync(cancellationToken) || !rows.TryRead(out var row))
            {
                return false;
            }

            Current = row;
            return true;
        }
    }

    private sealed class Writer<T>(ChannelWriter<T> rows) : IServerStreamWriter<T>
    {
        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(T message) => rows.WriteAsync(message).AsTask();

        public Task WriteAsync(T message, CancellationToken cancellationToken) => rows.WriteAsync(message, cancellationToken).AsTask();
    }
}

/// <summary>The context of a call that <see cref="InProcessCalls"/> makes.</summary>
internal sealed class InProcessContext(string method, CancellationToken cancellationToken) : ServerCallContext
{
    protected override string MethodCore => method;

    protected override string HostCore => "";

    protected override string PeerCore => "";

    protected override DateTime DeadlineCore => DateTime.MaxValue;

    protected override Metadata RequestHeadersCore { get; } = [];

    protected override CancellationToken CancellationTokenCore => cancellationToken;

    protected override Metadata ResponseTrailersCore { get; } = [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore { get; } = new(null, []);

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => throw new NotSupportedException();
}
