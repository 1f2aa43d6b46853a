using Google.Rpc;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace OrleansGateway.Silo.Operator;

/// <summary>What fails for want of the database or a silo is told as such; the log has the rest.</summary>
internal sealed partial class UnavailableInterceptor(ILogger<UnavailableInterceptor> log) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context);
        }
        catch (Exception exception) when (IsUnexpected(exception, context))
        {
            throw Unavailable(exception, context);
        }
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            await continuation(request, responseStream, context);
        }
        catch (Exception exception) when (IsUnexpected(exception, context))
        {
            throw Unavailable(exception, context);
        }
    }

    /// <summary>After its deadline, or once its client is gone, a call ends with what its cancellation throws.</summary>
    private static bool IsUnexpected(Exception exception, ServerCallContext context) =>
        exception is not RpcException && !context.CancellationToken.IsCancellationRequested;

    private RpcException Unavailable(Exception exception, ServerCallContext context)
    {
        LogFailed(exception, context.Method);
        return RichStatus.Build(Code.Unavailable, "UNAVAILABLE", "The call failed; the gateway's log says why. The same request may be sent again.")
            .ToRpcException();
    }

    [LoggerMessage(1, LogLevel.Error, "The operator's call {Method} failed")]
    private partial void LogFailed(Exception exception, string method);
}
